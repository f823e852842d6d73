-- Names are compared byte by byte, everywhere and on every machine: COLLATE "C".

CREATE TABLE events (
    position bigint PRIMARY KEY,
    stream text COLLATE "C" NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    -- A stream belongs to one subject by its name and cannot be moved (event-format §1).
    subject text COLLATE "C" NOT NULL GENERATED ALWAYS AS (split_part(stream, '/', 1)) STORED,
    seq integer NOT NULL CHECK (seq > 0),
    type text COLLATE "C" NOT NULL,
    recorded_at text COLLATE "C" NOT NULL,
    header bytea NOT NULL,
    body bytea NOT NULL,
    leaf bytea NOT NULL CHECK (octet_length(leaf) = 32),
    -- The tree's right edge after this event; only on the last event of each batch.
    frontier bytea,
    CONSTRAINT events_version UNIQUE (stream, version),
    CONSTRAINT events_seq UNIQUE (subject, seq)
);

CREATE TABLE receipts (
    first bigint PRIMARY KEY,
    count integer NOT NULL CHECK (count > 0),
    note text NOT NULL
);

CREATE TABLE commands (
    party text COLLATE "C" NOT NULL,
    command text COLLATE "C" NOT NULL,
    -- From 1; 0 for a request of one save.
    grp integer NOT NULL,
    -- Method, path with query, and digest of the body, separated by spaces: what a repetition must equal.
    request text COLLATE "C" NOT NULL,
    groups integer NOT NULL,
    first_line integer,
    last_line integer,
    -- Null when the command wrote nothing.
    first bigint,
    count integer NOT NULL,
    recorded_at text COLLATE "C" NOT NULL,
    outcome bytea NOT NULL,
    PRIMARY KEY (party, command, grp)
);

CREATE TABLE evidence (
    digest bytea PRIMARY KEY,
    kind text COLLATE "C" NOT NULL,
    data bytea NOT NULL
);

CREATE TABLE sources (
    party text COLLATE "C" NOT NULL,
    system text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    stream text COLLATE "C" NOT NULL,
    PRIMARY KEY (party, system, kind, id)
);

-- Every line's hash is kept, also of refused and erased ones; the bytes are in a table that can be erased.
CREATE TABLE request_lines (
    party text COLLATE "C" NOT NULL,
    command text COLLATE "C" NOT NULL,
    -- From 1; 0 for a request that is not NDJSON.
    line integer NOT NULL,
    digest bytea NOT NULL,
    PRIMARY KEY (party, command, line)
);

CREATE TABLE request_bytes (
    party text COLLATE "C" NOT NULL,
    command text COLLATE "C" NOT NULL,
    line integer NOT NULL,
    data bytea NOT NULL,
    -- Whose keys the bytes are sealed under; empty when they are not sealed.
    persons text[] COLLATE "C" NOT NULL,
    PRIMARY KEY (party, command, line)
);
CREATE INDEX request_bytes_persons ON request_bytes USING gin (persons) WHERE persons <> '{}';

CREATE TABLE sealed_values (
    digest bytea PRIMARY KEY,
    person text COLLATE "C" NOT NULL,
    ciphertext bytea NOT NULL
);
CREATE INDEX sealed_values_person ON sealed_values (person);

CREATE TABLE subject_keys (
    person text COLLATE "C" PRIMARY KEY,
    wrapped bytea NOT NULL
);

-- The time of a scripted ledger: the last row is now (event-format §8).
CREATE TABLE clock (
    number bigint PRIMARY KEY,
    now text COLLATE "C" NOT NULL,
    set_by text NOT NULL
);

-- An operator's word that a step of the clock forward is right.
CREATE TABLE clock_acceptances (
    number bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    accepted_at text COLLATE "C" NOT NULL,
    accepted_by text NOT NULL
);

-- Tokens, notes and ciphertext do not compress; trying costs the writer time.
ALTER TABLE evidence ALTER COLUMN data SET STORAGE EXTERNAL;
ALTER TABLE request_bytes ALTER COLUMN data SET STORAGE EXTERNAL;
ALTER TABLE sealed_values ALTER COLUMN ciphertext SET STORAGE EXTERNAL;
ALTER TABLE events ALTER COLUMN frontier SET STORAGE EXTERNAL;
