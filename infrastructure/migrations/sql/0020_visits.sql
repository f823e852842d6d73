-- Maintenance visits by their names, to list and to add up those of many lifts.
CREATE TABLE view_visits (
    account text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    number integer NOT NULL,
    lift text COLLATE "C",
    year bigint,
    type text COLLATE "C",
    at text COLLATE "C",
    recorded_at text COLLATE "C",
    party text COLLATE "C",
    agent text COLLATE "C",
    level text COLLATE "C",
    worker text COLLATE "C",
    other text COLLATE "C",
    findings text[] COLLATE "C",
    PRIMARY KEY (account, position, number)
);
CREATE INDEX view_visits_at ON view_visits (at, position) WHERE type = 'visit.Opened' AND number = 1;
CREATE INDEX view_visits_lift ON view_visits (lift, at) WHERE type = 'visit.Opened' AND number = 1;
CREATE INDEX view_visits_worker ON view_visits (worker, at) WHERE worker IS NOT NULL;
-- What it was for is found by `view_visits_lift`.
DROP INDEX view_timeline_visits;
CREATE INDEX view_policies_number ON view_policies (number);
