"""What can be proven: canonical bytes, tree, chains, receipts, tokens. Standard library and cryptography only."""
