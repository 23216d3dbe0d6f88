    -- All that the attributes of a span, or of a resource, tell.
    s -> told_by(s, $keys, $things_of_keys) AS told_of
