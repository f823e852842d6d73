-- Read models: a function of the log, so they may be emptied and made again at any time (architecture §6).

CREATE TABLE parked_events (
    projection text COLLATE "C" NOT NULL,
    stream text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    error text COLLATE "C" NOT NULL,
    PRIMARY KEY (projection, stream)
);

CREATE TABLE projection_tracking (
    name text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    digest text NOT NULL,
    generation integer NOT NULL,
    PRIMARY KEY (name)
);

CREATE TABLE projector_heartbeat (
    name text COLLATE "C" NOT NULL,
    beat_at timestamptz NOT NULL,
    position bigint NOT NULL,
    head bigint NOT NULL,
    parked bigint NOT NULL,
    error text COLLATE "C",
    PRIMARY KEY (name)
);

CREATE TABLE view_claims (
    key text COLLATE "C" NOT NULL,
    item text COLLATE "C" NOT NULL,
    effective_from text COLLATE "C" NOT NULL,
    effective_to text COLLATE "C",
    known_from bigint NOT NULL,
    known_to bigint,
    claim text COLLATE "C",
    lift text COLLATE "C",
    state text COLLATE "C",
    kind text COLLATE "C",
    part text COLLATE "C",
    interest text COLLATE "C",
    insurer text COLLATE "C",
    policy text COLLATE "C",
    notifier text COLLATE "C",
    occurrence text COLLATE "C",
    loss_at text COLLATE "C",
    trapped_seconds bigint,
    assessed_fen bigint,
    reserved_fen bigint,
    approved_fen bigint,
    advanced_fen bigint,
    paid_fen bigint,
    notified_at text COLLATE "C",
    PRIMARY KEY (key, item, effective_from, known_from)
);

CREATE TABLE view_covers (
    key text COLLATE "C" NOT NULL,
    item text COLLATE "C" NOT NULL,
    effective_from text COLLATE "C" NOT NULL,
    effective_to text COLLATE "C",
    known_from bigint NOT NULL,
    known_to bigint,
    lift text COLLATE "C",
    policy text COLLATE "C",
    number text COLLATE "C",
    interest text COLLATE "C",
    parts text[] COLLATE "C",
    premises_class text COLLATE "C",
    per_lift_year_fen bigint,
    premium_fen bigint,
    from_date text COLLATE "C",
    ends_on text COLLATE "C",
    PRIMARY KEY (key, item, effective_from, known_from)
);

CREATE TABLE view_entries (
    account text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    number integer NOT NULL,
    kind text COLLATE "C",
    amount_fen bigint,
    awaits text COLLATE "C",
    application text COLLATE "C",
    payment text COLLATE "C",
    line text COLLATE "C",
    effective_at text COLLATE "C",
    recorded_at text COLLATE "C",
    party text COLLATE "C",
    type text COLLATE "C",
    PRIMARY KEY (account, position, number)
);

CREATE TABLE view_funds (
    key text COLLATE "C" NOT NULL,
    item text COLLATE "C" NOT NULL,
    effective_from text COLLATE "C" NOT NULL,
    effective_to text COLLATE "C",
    known_from bigint NOT NULL,
    known_to bigint,
    estate text COLLATE "C",
    area text COLLATE "C",
    kind text COLLATE "C",
    bank text COLLATE "C",
    bureau text COLLATE "C",
    committee text COLLATE "C",
    manager text COLLATE "C",
    PRIMARY KEY (key, item, effective_from, known_from)
);

CREATE TABLE view_houses (
    key text COLLATE "C" NOT NULL,
    item text COLLATE "C" NOT NULL,
    effective_from text COLLATE "C" NOT NULL,
    effective_to text COLLATE "C",
    known_from bigint NOT NULL,
    known_to bigint,
    fund text COLLATE "C",
    building text COLLATE "C",
    area_m2_hundredths bigint,
    owner text COLLATE "C",
    PRIMARY KEY (key, item, effective_from, known_from)
);

CREATE TABLE view_lifts (
    key text COLLATE "C" NOT NULL,
    item text COLLATE "C" NOT NULL,
    effective_from text COLLATE "C" NOT NULL,
    effective_to text COLLATE "C",
    known_from bigint NOT NULL,
    known_to bigint,
    area text COLLATE "C",
    authority text COLLATE "C",
    venue text COLLATE "C",
    building text COLLATE "C",
    estate text COLLATE "C",
    merged_into text COLLATE "C",
    premises_class text COLLATE "C",
    status text COLLATE "C",
    use_unit text COLLATE "C",
    maintainer text COLLATE "C",
    holder text COLLATE "C",
    variety text COLLATE "C",
    PRIMARY KEY (key, item, effective_from, known_from)
);

CREATE TABLE view_policies (
    key text COLLATE "C" NOT NULL,
    item text COLLATE "C" NOT NULL,
    effective_from text COLLATE "C" NOT NULL,
    effective_to text COLLATE "C",
    known_from bigint NOT NULL,
    known_to bigint,
    state text COLLATE "C",
    in_force boolean,
    number text COLLATE "C",
    product text COLLATE "C",
    area text COLLATE "C",
    holder text COLLATE "C",
    insurer text COLLATE "C",
    insurers text[] COLLATE "C",
    interest text COLLATE "C",
    premium_fen bigint,
    received_fen bigint,
    lifts bigint,
    fund_paid boolean,
    services text[] COLLATE "C",
    from_date text COLLATE "C",
    to_date text COLLATE "C",
    valid_until text COLLATE "C",
    PRIMARY KEY (key, item, effective_from, known_from)
);

CREATE TABLE view_reservations (
    key text COLLATE "C" NOT NULL,
    item text COLLATE "C" NOT NULL,
    effective_from text COLLATE "C" NOT NULL,
    effective_to text COLLATE "C",
    known_from bigint NOT NULL,
    known_to bigint,
    fund text COLLATE "C",
    policy text COLLATE "C",
    source text COLLATE "C",
    amount_fen bigint,
    expires text COLLATE "C",
    state text COLLATE "C",
    PRIMARY KEY (key, item, effective_from, known_from)
);

CREATE TABLE view_timeline (
    account text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    number integer NOT NULL,
    stream text COLLATE "C",
    seq bigint,
    type text COLLATE "C",
    effective_at text COLLATE "C",
    recorded_at text COLLATE "C",
    party text COLLATE "C",
    agent text COLLATE "C",
    key text COLLATE "C",
    findings text[] COLLATE "C",
    facts jsonb,
    PRIMARY KEY (account, position, number)
);

CREATE INDEX view_lifts_area ON view_lifts (area);
CREATE INDEX view_lifts_use_unit ON view_lifts (use_unit);
CREATE INDEX view_lifts_maintainer ON view_lifts (maintainer);
CREATE INDEX view_lifts_estate ON view_lifts (estate);
CREATE INDEX view_covers_lift ON view_covers (lift);
CREATE INDEX view_covers_policy ON view_covers (policy);
CREATE INDEX view_policies_holder ON view_policies (holder);
CREATE INDEX view_policies_insurers ON view_policies USING gin (insurers);
CREATE INDEX view_claims_lift ON view_claims (lift);
CREATE INDEX view_claims_insurer ON view_claims (insurer);
CREATE INDEX view_claims_policy ON view_claims (policy);
CREATE INDEX view_houses_fund ON view_houses (fund);
CREATE INDEX view_houses_owner ON view_houses (owner);
CREATE INDEX view_entries_application ON view_entries (application) WHERE application IS NOT NULL;
CREATE INDEX view_entries_payment ON view_entries (payment) WHERE payment IS NOT NULL;
-- What a timer will find due.
CREATE INDEX view_reservations_open ON view_reservations (expires) WHERE known_to IS NULL AND effective_to IS NULL;
