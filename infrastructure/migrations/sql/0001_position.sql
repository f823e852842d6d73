-- The last position recorded at or before an instant, 0 if there is none. recorded_at never decreases along the
-- gapless positions, so it is found by halving: no index that every event would have to pay for.
CREATE FUNCTION ledger_position_at(known_at text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    low bigint := 0;
    high bigint := coalesce((SELECT e.position FROM events e ORDER BY e.position DESC LIMIT 1), 0);
    middle bigint;
BEGIN
    WHILE low < high LOOP
        middle := (low + high + 1) / 2;
        IF (SELECT e.recorded_at FROM events e WHERE e.position = middle) <= known_at COLLATE "C" THEN
            low := middle;
        ELSE
            high := middle - 1;
        END IF;
    END LOOP;
    RETURN low;
END;
$$;
