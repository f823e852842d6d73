"""Every door: HTTP, client, command line, and the composition root that wires them."""
