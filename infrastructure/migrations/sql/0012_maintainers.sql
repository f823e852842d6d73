-- Contracts of several maintainers may run at once; seldom, so that the index holds only what is besides the latest.
ALTER TABLE view_lifts ADD COLUMN co_maintainers text[] COLLATE "C";
CREATE INDEX view_lifts_co_maintainers ON view_lifts USING gin (co_maintainers) WHERE co_maintainers IS NOT NULL;
