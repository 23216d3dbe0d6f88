-- The part of attribute_map.sql that is needed to read what went in and what came out: less to plan
-- for each page of a replay.
    (m, k) -> nullIf(m[k], '') AS at,

    s -> coalesce(
        at(s, 'langfuse.observation.input'),
        at(s, 'langfuse.trace.input'),
        at(s, 'input.value'),
        at(s, 'gen_ai.input.messages'),
        at(s, 'gen_ai.prompt'),
        at(s, 'traceloop.entity.input'),
        at(s, 'gen_ai.tool.call.arguments'),
        '') AS input_of,

    s -> coalesce(
        at(s, 'langfuse.observation.output'),
        at(s, 'langfuse.trace.output'),
        at(s, 'output.value'),
        at(s, 'gen_ai.output.messages'),
        at(s, 'gen_ai.completion'),
        at(s, 'traceloop.entity.output'),
        at(s, 'gen_ai.tool.call.result'),
        '') AS output_of
