-- Public keys: whose each is, who registered it with which key, and how it ended.
CREATE TABLE view_keys (
    key text COLLATE "C" NOT NULL,
    item text COLLATE "C" NOT NULL,
    effective_from text COLLATE "C" NOT NULL,
    effective_to text COLLATE "C",
    known_from bigint NOT NULL,
    known_to bigint,
    holder text COLLATE "C",
    registrar text COLLATE "C",
    registered_with text COLLATE "C",
    curve text COLLATE "C",
    registered_at text COLLATE "C",
    ended text COLLATE "C",
    ended_at text COLLATE "C",
    compromised_since text COLLATE "C",
    PRIMARY KEY (key, item, effective_from, known_from)
);
CREATE INDEX view_keys_holder ON view_keys (holder);
CREATE INDEX view_keys_registrar ON view_keys (registrar);
CREATE INDEX view_keys_registered_with ON view_keys (registered_with);
