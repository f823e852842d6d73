-- Append-only tables refuse everything but INSERT, also under session_replication_role = replica.

CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', HINT = 'A wrong event is corrected by a further event.';
END;
$$;

-- Personal data are erased by the eraser alone: by its role, and in a session that says so.
CREATE FUNCTION ledger_refuse_unless_eraser() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('liftledger.erasing', true) IS DISTINCT FROM 'on' THEN
        RAISE EXCEPTION 'rows of % are deleted by the eraser only', TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END;
$$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'events', 'receipts', 'commands', 'evidence', 'sources', 'request_lines', 'clock', 'clock_acceptances'
    ] LOOP
        EXECUTE format(
            'CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %I'
            ' FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()', name);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER append_only', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['request_bytes', 'sealed_values', 'subject_keys'] LOOP
        EXECUTE format(
            'CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON %I'
            ' FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()', name);
        EXECUTE format(
            'CREATE TRIGGER erased_by_eraser BEFORE DELETE ON %I'
            ' FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_unless_eraser()', name);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER append_only', name);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER erased_by_eraser', name);
    END LOOP;
END;
$$;
