-- Subsidies of premium, as the treasury and whoever claims them list them.
CREATE TABLE view_subsidies (
    key text COLLATE "C" NOT NULL,
    item text COLLATE "C" NOT NULL,
    effective_from text COLLATE "C" NOT NULL,
    effective_to text COLLATE "C",
    known_from bigint NOT NULL,
    known_to bigint,
    state text COLLATE "C",
    programme text COLLATE "C",
    area text COLLATE "C",
    policy text COLLATE "C",
    claimant text COLLATE "C",
    claimed_at text COLLATE "C",
    claimed_fen bigint,
    granted_fen bigint,
    paid_fen bigint,
    clawed_back_fen bigint,
    settled_fen bigint,
    PRIMARY KEY (key, item, effective_from, known_from)
);
CREATE INDEX view_subsidies_claimant ON view_subsidies (claimant);
