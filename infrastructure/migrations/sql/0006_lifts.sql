-- Identifiers held for review stand in the lift's row; the projector makes the rows again, since its functions changed.

ALTER TABLE view_lifts ADD COLUMN held text[] COLLATE "C";

CREATE INDEX view_lifts_held ON view_lifts (key) WHERE held IS NOT NULL;
-- Whoever registered lifts lists them.
CREATE INDEX view_lifts_holder ON view_lifts (holder);
CREATE INDEX view_lifts_authority ON view_lifts (authority);
CREATE INDEX view_claims_notifier ON view_claims (notifier);
