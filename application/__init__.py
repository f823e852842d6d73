"""What can be done: use cases, ports, rights, projections as pure functions, replay."""
