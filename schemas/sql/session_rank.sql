    -- The place in the list of the best session key in a map, 0 where it has none. Scrubbers put one
    -- placeholder into every id: that is no id, or all strangers would meet in one session.
    m -> arrayMin(
        k -> transform(k, {session_keys:Array(String)},
                       range(1, length({session_keys:Array(String)}) + 1), 0),
        arrayFilter(
            (k, v) -> has({session_keys:Array(String)}, k) AND v != ''
                AND NOT startsWith(v, '[Scrubbed due to '),
            mapKeys(m), mapValues(m))) AS session_rank
