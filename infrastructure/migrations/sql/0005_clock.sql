-- What writers took as right: the database's clock, read between two readings of a machine's uninterrupted one.
-- A step of the clock is judged from the last row of the machine (and boot), also by a process that starts later.
CREATE TABLE clock_readings (
    number bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    machine text COLLATE "C" NOT NULL,
    now text COLLATE "C" NOT NULL,
    before_us bigint NOT NULL,
    after_us bigint NOT NULL
);
CREATE INDEX clock_readings_machine ON clock_readings (machine, number);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON clock_readings
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
ALTER TABLE clock_readings ENABLE ALWAYS TRIGGER append_only;

-- An acceptance is such a reading too; null in those made before this revision.
ALTER TABLE clock_acceptances
    ADD COLUMN machine text COLLATE "C",
    ADD COLUMN before_us bigint,
    ADD COLUMN after_us bigint;
