-- The directory of parties, products on sale, and what claims have taken of policies' limits.
CREATE TABLE view_parties (
    key text COLLATE "C" NOT NULL,
    item text COLLATE "C" NOT NULL,
    effective_from text COLLATE "C" NOT NULL,
    effective_to text COLLATE "C",
    known_from bigint NOT NULL,
    known_to bigint,
    kind text COLLATE "C",
    name text COLLATE "C",
    uscc text COLLATE "C",
    registered_at text COLLATE "C",
    areas text[] COLLATE "C",
    sectors text[] COLLATE "C",
    suspended boolean,
    PRIMARY KEY (key, item, effective_from, known_from)
);
CREATE INDEX view_parties_kind ON view_parties (kind);
CREATE TABLE view_products (
    key text COLLATE "C" NOT NULL,
    item text COLLATE "C" NOT NULL,
    effective_from text COLLATE "C" NOT NULL,
    effective_to text COLLATE "C",
    known_from bigint NOT NULL,
    known_to bigint,
    state text COLLATE "C",
    insurer text COLLATE "C",
    area text COLLATE "C",
    clause_no text COLLATE "C",
    code text COLLATE "C",
    name text COLLATE "C",
    canonical text COLLATE "C",
    on_sale_from text COLLATE "C",
    withdrawn_from text COLLATE "C",
    parts text[] COLLATE "C",
    services text[] COLLATE "C",
    PRIMARY KEY (key, item, effective_from, known_from)
);
CREATE TABLE view_limits (
    key text COLLATE "C" NOT NULL,
    item text COLLATE "C" NOT NULL,
    effective_from text COLLATE "C" NOT NULL,
    effective_to text COLLATE "C",
    known_from bigint NOT NULL,
    known_to bigint,
    policy text COLLATE "C",
    lift text COLLATE "C",
    year text COLLATE "C",
    parts jsonb,
    limit_fen bigint,
    reserved_fen bigint,
    consumed_fen bigint,
    PRIMARY KEY (key, item, effective_from, known_from)
);
CREATE INDEX view_limits_policy ON view_limits (policy, key);
