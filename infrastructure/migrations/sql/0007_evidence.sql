-- What of a bundle of evidence cannot be made again from the log: the note of its checkpoint as it was then, and the
-- proofs under its map, by the digest of the bundle's manifest. Hashes and public keys' signatures alone.
CREATE TABLE evidence_seals (
    manifest bytea PRIMARY KEY CHECK (octet_length(manifest) = 32),
    size bigint NOT NULL REFERENCES checkpoints (size),
    checkpoint text NOT NULL,
    heads bytea NOT NULL
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON evidence_seals
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
ALTER TABLE evidence_seals ENABLE ALWAYS TRIGGER append_only;
