"""HTTP routes: writes are made from the table of actions, reads stand by their nouns."""
