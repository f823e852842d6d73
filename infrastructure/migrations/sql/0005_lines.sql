-- The hashes of all lines of an NDJSON request, 32 bytes each, kept with the first of its groups: the root that its
-- author signed can be held against them whatever became of the other groups.
CREATE TABLE request_hashes (
    party text COLLATE "C" NOT NULL,
    command text COLLATE "C" NOT NULL,
    digests bytea NOT NULL CHECK (octet_length(digests) % 32 = 0),
    PRIMARY KEY (party, command)
);
-- A verifier reads a group's slice of it; hashes do not compress.
ALTER TABLE request_hashes ALTER COLUMN digests SET STORAGE EXTERNAL;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON request_hashes
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
ALTER TABLE request_hashes ENABLE ALWAYS TRIGGER append_only;

INSERT INTO request_hashes (party, command, digests)
SELECT party, command, string_agg(digest, ''::bytea ORDER BY line) FROM request_lines WHERE line > 0
GROUP BY party, command;

CREATE FUNCTION ledger_append_hashes(parties text[], commands text[], digests bytea[])
RETURNS void LANGUAGE sql VOLATILE AS $$
    INSERT INTO request_hashes (party, command, digests) SELECT * FROM unnest(parties, commands, digests);
$$;
