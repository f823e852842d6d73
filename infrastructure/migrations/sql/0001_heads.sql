-- The database's clock as the log reads it, after the lock and never from the start of the transaction.
CREATE FUNCTION ledger_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT clock_timestamp()';

CREATE FUNCTION ledger_instant(at timestamptz) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')$$;

-- Everything a batch is settled on, read after the lock. VOLATILE, so that each statement in it has a snapshot of
-- its own, taken after the lock (a STABLE function would read the state from before the wait). Every read is an
-- index probe; the answers stand in the order of the questions.
CREATE FUNCTION ledger_heads(
    scripted boolean,
    streams text[], subjects text[],
    command_parties text[], command_ids text[], command_groups integer[], command_requests text[],
    source_parties text[], source_systems text[], source_kinds text[], source_ids text[],
    persons text[],
    OUT now text, OUT head_position bigint, OUT head_recorded_at text, OUT head_frontier bytea,
    OUT versions integer[], OUT seqs integer[], OUT leaves bytea[],
    -- 0 unknown, 1 stored, 2 stored with another request
    OUT command_states integer[], OUT source_streams text[], OUT wrapped_keys bytea[]
) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    SELECT e.position, e.recorded_at, e.frontier INTO head_position, head_recorded_at, head_frontier
        FROM events e ORDER BY e.position DESC LIMIT 1;
    SELECT array_agg(coalesce((
            SELECT e.version FROM events e WHERE e.stream = q.stream ORDER BY e.version DESC LIMIT 1
        ), 0) ORDER BY q.ord) INTO versions
        FROM unnest(streams) WITH ORDINALITY q (stream, ord);
    SELECT array_agg(coalesce(h.seq, 0) ORDER BY q.ord), array_agg(h.leaf ORDER BY q.ord) INTO seqs, leaves
        FROM unnest(subjects) WITH ORDINALITY q (subject, ord) LEFT JOIN LATERAL (
            SELECT e.seq, e.leaf FROM events e WHERE e.subject = q.subject ORDER BY e.seq DESC LIMIT 1
        ) h ON true;
    IF command_ids IS NOT NULL THEN
        SELECT array_agg(coalesce((
                SELECT CASE WHEN c.request <> q.request THEN 2
                    WHEN c.grp = q.grp OR EXISTS (
                        SELECT FROM commands x WHERE x.party = q.party AND x.command = q.id AND x.grp = q.grp
                    ) THEN 1 ELSE 0 END
                FROM commands c WHERE c.party = q.party AND c.command = q.id ORDER BY c.grp LIMIT 1
            ), 0) ORDER BY q.ord) INTO command_states
            FROM unnest(command_parties, command_ids, command_groups, command_requests)
                WITH ORDINALITY q (party, id, grp, request, ord);
    END IF;
    IF source_ids IS NOT NULL THEN
        SELECT array_agg((
                SELECT s.stream FROM sources s
                WHERE s.party = q.party AND s.system = q.system AND s.kind = q.kind AND s.id = q.id LIMIT 1
            ) ORDER BY q.ord) INTO source_streams
            FROM unnest(source_parties, source_systems, source_kinds, source_ids)
                WITH ORDINALITY q (party, system, kind, id, ord);
    END IF;
    IF persons IS NOT NULL THEN
        SELECT array_agg((
                SELECT k.wrapped FROM subject_keys k WHERE k.person = q.person LIMIT 1
            ) ORDER BY q.ord) INTO wrapped_keys
            FROM unnest(persons) WITH ORDINALITY q (person, ord);
    END IF;
    IF scripted THEN
        SELECT c.now INTO now FROM clock c ORDER BY c.number DESC LIMIT 1;
    ELSE
        now := ledger_instant(ledger_now());
    END IF;
END;
$$;
