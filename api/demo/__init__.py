"""The demonstration: a pilot district lives through a year on a scripted clock, over HTTP, every party signing."""
