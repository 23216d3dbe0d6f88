    -- What of an input or output people read first: of messages the last of the user, or the last one
    -- at all; of an object that is one text, the text. The same shapes as in query/messages.py.

    -- Parts of a message as text: text itself, or an array of texts and of objects that have one.
    body -> multiIf(
        startsWith(body, '['), arrayStringConcat(
            arrayFilter(x -> x != '', arrayMap(
                part -> if(
                    startsWith(part, '{'),
                    arrayFirst(x -> x != '', [JSONExtractString(part, 'text'),
                                              JSONExtractString(part, 'content')]),
                    part),
                JSONExtract(body, 'Array(String)'))),
            '\n'),
        startsWith(body, '{'), '',
        body) AS text_of_parts,
    -- OpenAI's and OpenTelemetry's messages, Gemini's, a choice of OpenAI's, LangChain's.
    m -> arrayFirst(x -> x != '', [
        if(startsWith(m.content, '{'), JSONExtract(m.content, 'parts', 'String'), m.content),
        m.parts,
        JSONExtract(m.message, 'content', 'String'),
        JSONExtract(m.kwargs, 'content', 'String'),
        m.text]) AS parts_of_message,
    m -> lower(m.role) IN ('user', 'human') OR m.type = 'human' AS is_of_user,
    (messages, is_input) -> arrayMap(
        found -> arrayMap(
            body -> text_of_parts(body),
            arrayMap(m -> parts_of_message(m), [if(
                is_input AND arrayExists(m -> is_of_user(m), found),
                arrayLast(m -> is_of_user(m), found),
                found[-1])]))[1],
        [JSONExtract(messages, 'Array(Tuple(role String, type String, content String, parts String,
                                            message String, kwargs String, text String))')])[1]
        AS last_words,
    text -> arrayMap(
        o -> multiIf(
            o.messages != '', o.messages,
            o.contents != '', o.contents,
            o.items != '', o.items,
            o.choices != '', o.choices,
            o.candidates != '', o.candidates,
            startsWith(o.message, '{'), concat('[', o.message, ']'),
            concat('[', text, ']')),
        [JSONExtract(text, 'Tuple(messages String, contents String, items String, choices String,
                                  candidates String, message String)')])[1] AS messages_of_object,
    (members, keys) -> multiIf(length(members) != 1, '',
                               empty(keys) OR has(keys, members[1].1), members[1].2,
                               '') AS only_text,
    text -> arrayFirst(x -> x != '' AND NOT startsWith(x, '{') AND NOT startsWith(x, '['), [
        only_text(JSONExtractKeysAndValues(text, 'String'),
                  ['input', 'question', 'query', 'prompt', 'text', 'content', 'message', 'output',
                   'answer', 'response', 'result', 'completion']),
        if((JSONLength(text, 'args'), JSONLength(text, 'kwargs')) IN ((1, 0)),
           JSONExtractString(text, 'args', 1), ''),
        if(JSONHas(text, 'args') AND NOT JSONLength(text, 'args'),
           only_text(JSONExtractKeysAndValues(text, 'kwargs', 'String'), []), ''),
        -- The Vercel AI SDK's, beside a system prompt.
        JSONExtractString(text, 'prompt')]) AS text_of_object,
    -- Of what is larger than a megabyte it would take too long.
    (text, is_input) -> leftUTF8(
        arrayFirst(x -> x != '', [
            multiIf(
                length(text) > 1000000, '',
                startsWith(text, '"'), JSONExtractString(text),
                startsWith(text, '{'), text_of_object(text),
                ''),
            last_words(
                multiIf(
                    length(text) > 1000000, '',
                    startsWith(text, '[['), JSONExtractRaw(text, 1),
                    startsWith(text, '['), text,
                    startsWith(text, '{'), messages_of_object(text),
                    ''),
                is_input),
            text]),
        1000) AS preview_of
