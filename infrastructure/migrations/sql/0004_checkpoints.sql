-- What was published of the log, and the tree's own storage. All of it append-only.

-- One root for one size, for ever: nothing can be signed twice over one size. `note` is the text with the signatures
-- it was first published with.
CREATE TABLE checkpoints (
    size bigint PRIMARY KEY CHECK (size > 0),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    note text NOT NULL,
    made_at text COLLATE "C" NOT NULL
);

-- Cosignatures and later signings of a checkpoint, a line each: `— name base64`.
CREATE TABLE checkpoint_signatures (
    size bigint NOT NULL REFERENCES checkpoints (size),
    name text COLLATE "C" NOT NULL,
    key_id bytea NOT NULL CHECK (octet_length(key_id) = 4),
    -- Seconds since 1970, as the signature states them; 0 where it states none.
    signed_at bigint NOT NULL,
    line text NOT NULL,
    PRIMARY KEY (size, name, key_id, signed_at)
);

-- RFC 3161 time stamps over a checkpoint's note.
CREATE TABLE checkpoint_stamps (
    size bigint NOT NULL REFERENCES checkpoints (size),
    authority text COLLATE "C" NOT NULL,
    token bytea NOT NULL,
    made_at text COLLATE "C" NOT NULL,
    PRIMARY KEY (size, authority)
);

-- Full hash tiles (C2SP tlog-tiles): 256 hashes of 32 bytes, and the root over them, which is one hash of the tile
-- above. Partial tiles are read from the roots below them, and at level 0 from the events.
CREATE TABLE tiles (
    level smallint NOT NULL CHECK (level BETWEEN 0 AND 7),
    index bigint NOT NULL CHECK (index >= 0),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    hashes bytea NOT NULL CHECK (octet_length(hashes) = 8192),
    PRIMARY KEY (level, index)
);
-- Hashes do not compress.
ALTER TABLE tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['checkpoints', 'checkpoint_signatures', 'checkpoint_stamps', 'tiles'] LOOP
        EXECUTE format(
            'CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %I'
            ' FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()', name);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER append_only', name);
    END LOOP;
END;
$$;
