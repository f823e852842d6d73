-- What a witness cosigned last is asked for with every scrape, also of one that has been silent for a million checkpoints.
CREATE INDEX checkpoint_signatures_key ON checkpoint_signatures (name, key_id, size, signed_at);
