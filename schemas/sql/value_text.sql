    -- An attribute's value as the Collector's AsString writes it: text as it is, the rest as JSON.
    v -> multiIf(
        v.value = 'string_value', toJSONString(v.string_value),
        v.value = 'int_value', toString(v.int_value),
        v.value = 'double_value', if(isFinite(v.double_value), toString(v.double_value),
                                     toJSONString(toString(v.double_value))),
        v.value = 'bool_value', toString(v.bool_value),
        v.value = 'bytes_value', toJSONString(base64Encode(v.bytes_value)),
        'null') AS plain_json,
    v -> multiIf(
        v.value = 'string_value', v.string_value,
        v.value = 'int_value', toString(v.int_value),
        v.value = 'double_value', toString(v.double_value),
        v.value = 'bool_value', toString(v.bool_value),
        v.value = 'array_value', concat(
            '[', arrayStringConcat(arrayMap(e -> plain_json(e), v.array_value.values), ','), ']'),
        v.value = 'kvlist_value', concat(
            '{', arrayStringConcat(arrayMap(
                e -> concat(toJSONString(e.key), ':', plain_json(e.value)),
                v.kvlist_value.values), ','), '}'),
        v.value = 'bytes_value', base64Encode(v.bytes_value),
        '') AS text_of,
    attributes -> mapFromArrays(
        CAST(attributes.key, 'Array(LowCardinality(String))'),
        arrayMap(v -> text_of(v), attributes.value)) AS map_of
