-- Writes one batch. Null arrays are tables that the batch does not touch.
CREATE FUNCTION ledger_append(
    first_position bigint, recorded_at text, frontier bytea,
    streams text[], versions integer[], seqs integer[], types text[],
    headers bytea[], bodies bytea[], leaves bytea[],
    receipt_firsts bigint[], receipt_counts integer[], receipt_notes text[],
    command_parties text[], command_ids text[], command_groups integer[], command_requests text[],
    command_group_counts integer[], command_first_lines integer[], command_last_lines integer[],
    command_firsts bigint[], command_counts integer[], command_outcomes bytea[],
    evidence_digests bytea[], evidence_kinds text[], evidence_data bytea[],
    line_parties text[], line_commands text[], line_numbers integer[], line_digests bytea[],
    line_data bytea[], line_persons text[],
    sealed_digests bytea[], sealed_persons text[], sealed_ciphertexts bytea[],
    key_persons text[], key_wrapped bytea[],
    source_parties text[], source_systems text[], source_kinds text[], source_ids text[], source_streams text[]
) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF streams IS NOT NULL THEN
        INSERT INTO events (position, stream, version, seq, type, recorded_at, header, body, leaf, frontier)
        SELECT ledger_append.first_position + q.ord - 1, q.stream, q.version, q.seq, q.type,
            ledger_append.recorded_at, q.header, q.body, q.leaf,
            CASE WHEN q.ord = cardinality(ledger_append.streams) THEN ledger_append.frontier END
        FROM unnest(streams, versions, seqs, types, headers, bodies, leaves)
            WITH ORDINALITY q (stream, version, seq, type, header, body, leaf, ord);
    END IF;
    IF receipt_firsts IS NOT NULL THEN
        INSERT INTO receipts (first, count, note)
        SELECT * FROM unnest(receipt_firsts, receipt_counts, receipt_notes);
    END IF;
    IF command_ids IS NOT NULL THEN
        INSERT INTO commands
            (party, command, grp, request, groups, first_line, last_line, first, count, outcome, recorded_at)
        SELECT q.*, ledger_append.recorded_at
        FROM unnest(command_parties, command_ids, command_groups, command_requests, command_group_counts,
            command_first_lines, command_last_lines, command_firsts, command_counts, command_outcomes) q;
    END IF;
    IF evidence_digests IS NOT NULL THEN
        INSERT INTO evidence (digest, kind, data)
        SELECT * FROM unnest(evidence_digests, evidence_kinds, evidence_data) ON CONFLICT (digest) DO NOTHING;
    END IF;
    IF line_commands IS NOT NULL THEN
        INSERT INTO request_lines (party, command, line, digest)
        SELECT * FROM unnest(line_parties, line_commands, line_numbers, line_digests);
        INSERT INTO request_bytes (party, command, line, data, persons)
        SELECT q.party, q.command, q.line, q.data, string_to_array(q.persons, ' ')
        FROM unnest(line_parties, line_commands, line_numbers, line_data, line_persons)
            q (party, command, line, data, persons)
        WHERE q.data IS NOT NULL;
    END IF;
    IF sealed_digests IS NOT NULL THEN
        INSERT INTO sealed_values (digest, person, ciphertext)
        SELECT * FROM unnest(sealed_digests, sealed_persons, sealed_ciphertexts);
    END IF;
    IF key_persons IS NOT NULL THEN
        INSERT INTO subject_keys (person, wrapped)
        SELECT * FROM unnest(key_persons, key_wrapped) ON CONFLICT (person) DO NOTHING;
    END IF;
    IF source_ids IS NOT NULL THEN
        INSERT INTO sources (party, system, kind, id, stream)
        SELECT * FROM unnest(source_parties, source_systems, source_kinds, source_ids, source_streams)
        ON CONFLICT (party, system, kind, id) DO NOTHING;
    END IF;
END;
$$;
