    -- What a map tells: its values by the names that schemas/attributes.py gives to their keys. Where
    -- several keys tell one thing the best comes first, and is what [] finds.
    (s, keys, things) -> mapApply(
        (rank, v) -> (things[rank], v),
        mapSort(mapFilter(
            (rank, v) -> rank != 0 AND v != '',
            mapApply((k, v) -> (transform(k, keys, range(1, length(things) + 1), 0), v), s)))) AS told_by
