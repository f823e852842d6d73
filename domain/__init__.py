"""What is true: the nouns of lift insurance, their events and the rules of law. Pure."""
