-- The housing bureau's, banks' and insurers' lists: applications to pay from a fund, payments of premium, bank lines.
CREATE TABLE view_applications (
    key text COLLATE "C" NOT NULL,
    item text COLLATE "C" NOT NULL,
    effective_from text COLLATE "C" NOT NULL,
    effective_to text COLLATE "C",
    known_from bigint NOT NULL,
    known_to bigint,
    fund text COLLATE "C",
    state text COLLATE "C",
    verdict text COLLATE "C",
    filer text COLLATE "C",
    policy text COLLATE "C",
    insurer text COLLATE "C",
    plan text COLLATE "C",
    vote text COLLATE "C",
    emergency text COLLATE "C",
    pays_from text COLLATE "C",
    filed_on text COLLATE "C",
    approved_on text COLLATE "C",
    paid_at text COLLATE "C",
    payment text COLLATE "C",
    premium_fen bigint,
    amount_fen bigint,
    fund_share_fen bigint,
    refund_due_fen bigint,
    refunded_fen bigint,
    PRIMARY KEY (key, item, effective_from, known_from)
);
CREATE INDEX view_applications_fund ON view_applications (fund);
CREATE INDEX view_applications_policy ON view_applications (policy);
CREATE INDEX view_applications_state ON view_applications (state);
CREATE TABLE view_payments (
    key text COLLATE "C" NOT NULL,
    item text COLLATE "C" NOT NULL,
    effective_from text COLLATE "C" NOT NULL,
    effective_to text COLLATE "C",
    known_from bigint NOT NULL,
    known_to bigint,
    state text COLLATE "C",
    policy text COLLATE "C",
    payer text COLLATE "C",
    payee text COLLATE "C",
    source_kind text COLLATE "C",
    application text COLLATE "C",
    subsidy text COLLATE "C",
    line text COLLATE "C",
    requester text COLLATE "C",
    requested_at text COLLATE "C",
    confirmed_at text COLLATE "C",
    amount_fen bigint,
    return_due_fen bigint,
    returned_fen bigint,
    PRIMARY KEY (key, item, effective_from, known_from)
);
CREATE INDEX view_payments_state ON view_payments (state);
CREATE INDEX view_payments_policy ON view_payments (policy);
CREATE INDEX view_payments_payer ON view_payments (payer);
CREATE INDEX view_payments_payee ON view_payments (payee);
CREATE INDEX view_payments_requester ON view_payments (requester);
CREATE TABLE view_banklines (
    key text COLLATE "C" NOT NULL,
    item text COLLATE "C" NOT NULL,
    effective_from text COLLATE "C" NOT NULL,
    effective_to text COLLATE "C",
    known_from bigint NOT NULL,
    known_to bigint,
    seen_by text COLLATE "C",
    direction text COLLATE "C",
    value_on text COLLATE "C",
    payment text COLLATE "C",
    state text COLLATE "C",
    amount_fen bigint,
    PRIMARY KEY (key, item, effective_from, known_from)
);
CREATE INDEX view_banklines_seen_by ON view_banklines (seen_by);
CREATE INDEX view_banklines_state ON view_banklines (state);
