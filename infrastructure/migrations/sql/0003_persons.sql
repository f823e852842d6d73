-- Where personal fields stand, the blind index by which a person is found, who looked at personal data, and the
-- read model of persons. Places and index hold no value; they go with the person.

CREATE TABLE sealed_places (
    digest bytea NOT NULL,
    person text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL GENERATED ALWAYS AS (split_part(stream, '/', 1)) STORED,
    stream text COLLATE "C" NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    PRIMARY KEY (digest, stream, version)
);
CREATE INDEX sealed_places_person ON sealed_places (person);
CREATE INDEX sealed_places_stream ON sealed_places (stream);
CREATE INDEX sealed_places_subject ON sealed_places (subject);

CREATE TABLE blind_index (
    kind text COLLATE "C" NOT NULL,
    token bytea NOT NULL CHECK (octet_length(token) = 32),
    person text COLLATE "C" NOT NULL,
    digest bytea NOT NULL,
    PRIMARY KEY (kind, token, digest)
);
CREATE INDEX blind_index_person ON blind_index (person);

CREATE TABLE personal_reads (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    read_at text COLLATE "C" NOT NULL,
    party text COLLATE "C" NOT NULL,
    agent text COLLATE "C",
    key text COLLATE "C" NOT NULL,
    action text COLLATE "C" NOT NULL,
    purpose text COLLATE "C" NOT NULL,
    persons text[] COLLATE "C" NOT NULL,
    token bytea NOT NULL
);
CREATE INDEX personal_reads_persons ON personal_reads USING gin (persons);

-- Writes what a batch has of persons beside its events; a batch without personal fields never calls it.
CREATE FUNCTION ledger_place(
    place_digests bytea[], place_persons text[], place_streams text[], place_versions integer[],
    lookup_kinds text[], lookup_tokens bytea[], lookup_persons text[], lookup_digests bytea[]
) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    INSERT INTO sealed_places (digest, person, stream, version)
    SELECT * FROM unnest(place_digests, place_persons, place_streams, place_versions);
    IF lookup_kinds IS NOT NULL THEN
        INSERT INTO blind_index (kind, token, person, digest)
        SELECT * FROM unnest(lookup_kinds, lookup_tokens, lookup_persons, lookup_digests);
    END IF;
END;
$$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['sealed_places', 'blind_index'] LOOP
        EXECUTE format(
            'CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON %I'
            ' FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()', name);
        EXECUTE format(
            'CREATE TRIGGER erased_by_eraser BEFORE DELETE ON %I'
            ' FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_unless_eraser()', name);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER append_only', name);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER erased_by_eraser', name);
    END LOOP;
    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON personal_reads
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
    ALTER TABLE personal_reads ENABLE ALWAYS TRIGGER append_only;
END;
$$;

CREATE TABLE view_persons (
    key text COLLATE "C" NOT NULL,
    item text COLLATE "C" NOT NULL,
    effective_from text COLLATE "C" NOT NULL,
    effective_to text COLLATE "C",
    known_from bigint NOT NULL,
    known_to bigint,
    state text COLLATE "C",
    basis text COLLATE "C",
    until text COLLATE "C",
    held boolean,
    holds text[] COLLATE "C",
    PRIMARY KEY (key, item, effective_from, known_from)
);
CREATE INDEX view_persons_due ON view_persons (until)
    WHERE known_to IS NULL AND state = 'restricted' AND NOT held;
