-- The part of attribute_map.sql that is needed to read what went in and what came out: less to plan
-- for each page of a replay. s are a span's attributes; names and attributes are its events'.
    -- Attributes that are members of numbered messages (gen_ai.prompt.0.role), as a JSON array.
    k -> toUInt32OrZero(extract(k, '\\.([0-9]+)\\.')) AS number_of,
    (s, prefix) -> arrayMap(
        m -> concat('[', arrayStringConcat(
            arrayMap(
                members -> toJSONString(mapFromArrays(members.1, members.2)),
                arraySplit(
                    (member, step) -> step != 0,
                    arrayZip(
                        arrayMap(k -> replaceRegexpOne(k, '^.*?\\.[0-9]+\\.(message\\.)?', ''),
                                 mapKeys(m)),
                        mapValues(m)),
                    arrayDifference(arrayMap(k -> number_of(k), mapKeys(m))))),
            ','), ']'),
        [mapSort((k, v) -> number_of(k), mapFilter((k, v) -> match(k, prefix), s))])[1] AS numbered,

    -- Events that are a message each, as a JSON array. What a message is made of is in one attribute,
    -- or in all of them.
    (name, a) -> arrayMap(
        body -> if(JSONHas(body, 'role') OR body = '{}', body, concat(
            '{"role":"',
            transform(name, ['gen_ai.choice'], ['assistant'], splitByChar('.', name)[2]),
            '",', substring(body, 2))),
        [multiIf(
            startsWith(a['gen_ai.event.content'], '{'), a['gen_ai.event.content'],
            startsWith(a['message'], '{'), a['message'],
            toJSONString(a))])[1] AS message_of_event,
    (names, attributes, wanted) -> concat('[', arrayStringConcat(
        arrayMap(e -> message_of_event(e.1, e.2),
                 arrayFilter(e -> has(wanted, e.1), arrayZip(names, attributes))),
        ','), ']') AS messages_of_events,
    (names, attributes, name, k) -> attributes[indexOf(names, name)][k] AS of_event,
    -- What the events say in one direction: all of them at once in one event, one in each, or as one text.
    (names, attributes, wanted, messages, event, text) -> if(
        NOT arrayExists(n -> startsWith(n, 'gen_ai.'), names),
        '',
        arrayFirst(told -> told NOT IN ('', '[]'), [
            of_event(names, attributes, 'gen_ai.client.inference.operation.details', messages),
            messages_of_events(names, attributes, wanted),
            of_event(names, attributes, event, text)])) AS told_by_events,

    -- Logfire's events, in an attribute.
    (text, is_output) -> if(text = '', '', concat('[', arrayStringConcat(
        arrayMap(
            e -> if(is_output AND JSONHas(e, 'message'), JSONExtractRaw(e, 'message'), e),
            arrayFilter(e -> (JSONExtractString(e, 'event.name') = 'gen_ai.choice') = is_output,
                        JSONExtractArrayRaw(text))),
        ','), ']')) AS told_by_logfire,

    -- t is what is told. The engine writes an argument out wherever it is used: what is used more than
    -- once and is more than a name becomes the one element of an array.
    (t, k) -> nullIf(t[k], '') AS at,
    (t, s, names, attributes) -> arrayMap(
        messages -> if(
            t['system_instructions'] != '' AND startsWith(messages, '['),
            concat('{"system_instruction":',
                   if(isValidJSON(t['system_instructions']), t['system_instructions'],
                      toJSONString(t['system_instructions'])),
                   ',"messages":', messages, '}'),
            messages),
        [coalesce(
            at(t, 'input'),
            nullIf(told_by_events(
                names, attributes,
                ['gen_ai.system.message', 'gen_ai.user.message', 'gen_ai.assistant.message',
                 'gen_ai.tool.message'],
                'gen_ai.input.messages', 'gen_ai.content.prompt', 'gen_ai.prompt'), ''),
            at(t, 'input_after_events'),
            nullIf(told_by_logfire(t['logfire_events'], false), ''),
            if(t['numbered_input'] = '', NULL,
               numbered(s, '^(gen_ai\\.prompt|llm\\.input_messages)\\.[0-9]+\\.')),
            at(t, 'last_input'),
            '')])[1] AS input_told,
    (t, s, names, attributes) -> coalesce(
        at(t, 'output'),
        if(t['answer'] = '' OR t['tool_calls'] = '', at(t, 'answer'), concat(
            '{"role":"assistant","content":', toJSONString(t['answer']),
            ',"tool_calls":', t['tool_calls'], '}')),
        at(t, 'result'),
        at(t, 'tool_calls'),
        at(t, 'flue_output'),
        nullIf(told_by_events(names, attributes, ['gen_ai.choice'], 'gen_ai.output.messages',
                              'gen_ai.content.completion', 'gen_ai.completion'), ''),
        at(t, 'output_after_events'),
        nullIf(told_by_logfire(t['logfire_events'], true), ''),
        if(t['numbered_output'] = '', NULL,
           numbered(s, '^(gen_ai\\.completion|llm\\.output_messages)\\.[0-9]+\\.')),
        at(t, 'last_output'),
        '') AS output_told
