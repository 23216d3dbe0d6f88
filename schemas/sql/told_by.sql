    -- What a map tells: its values by the names that schemas/attributes.py gives to their keys. Where
    -- several keys tell one thing the best comes first, and is what [] finds.
    (s, keys, things) -> mapApply(
        (k, v) -> (transform(k, keys, things, ''), v),
        mapSort(
            (k, v) -> transform(k, keys, range(1, length(keys) + 1), 0),
            mapFilter((k, v) -> has(keys, k) AND v != '', s))) AS told_by
