-- Whoever is to be erased asks which disputes are about what names him, without looking at all disputes there are.
CREATE FUNCTION ledger_matters(body bytea) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ARRAY(SELECT json_array_elements_text(coalesce(b.j->'said'->'matters', b.j->'found'->'matters')))
    FROM (SELECT convert_from(body, 'UTF8')::json) b (j)
$$;
-- Disputes are few: what is still to be put into the index would be read with each question, so nothing waits for it.
CREATE INDEX events_matters ON events USING gin (ledger_matters(body)) WITH (fastupdate = off)
    WHERE type = 'dispute.Opened';
