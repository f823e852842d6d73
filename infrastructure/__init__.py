"""How it is kept: PostgreSQL, recorder, keys, sealed personal data, projection tables, embedded server."""
