"""Read models as pure functions of the log: event in, rows out; `infrastructure/projector.py` applies them."""
