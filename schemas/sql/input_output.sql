    -- From a span's attributes alone.
    (s, names, attributes) -> arrayMap(
        t -> input_told(t, s, names, attributes),
        [told_by(s, $value_keys, $values_of_keys)])[1] AS input_of,
    (s, names, attributes) -> arrayMap(
        t -> output_told(t, s, names, attributes),
        [told_by(s, $value_keys, $values_of_keys)])[1] AS output_of
