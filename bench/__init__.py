"""How fast it is, measured in one run against the plain alternative and the physical limit."""
