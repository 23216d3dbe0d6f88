-- The one place that says what attributes mean. Each line is a function of s, a span's attributes,
-- and r, its resource's (both Map(String, String), '' where a key is absent); the first value that
-- is not empty wins. In front of it stands attribute_values.sql.

    -- A count or an amount that makes no sense is none: sums must not be poisoned by one span.
    x -> if(toUInt64OrZero(x) <= 1000000000000, toUInt64OrZero(x), 0) AS count_of,
    x -> if(toFloat64OrZero(x) BETWEEN 0 AND 1000000000, toFloat64OrZero(x), 0) AS amount_of,
    (json, k) -> nullIf(JSONExtractRaw(ifNull(json, ''), k), '') AS member,

    s -> coalesce(
        at(s, 'langfuse.user.id'),
        at(s, 'user.id'),
        at(s, 'langfuse.observation.metadata.langfuse_user_id'),
        at(s, 'langfuse.trace.metadata.langfuse_user_id'),
        at(s, 'ai.telemetry.metadata.userId'),
        at(s, 'traceloop.association.properties.user_id'),
        at(s, 'enduser.id'),
        '') AS user_id_of,

    s -> coalesce(
        at(s, 'langfuse.observation.model.name'),
        at(s, 'gen_ai.response.model'),
        at(s, 'ai.model.id'),
        at(s, 'gen_ai.request.model'),
        at(s, 'llm.response.model'),
        at(s, 'llm.model_name'),
        '') AS model_of,

    s -> multiIf(
        s['langfuse.observation.type'] != '', lower(s['langfuse.observation.type']),
        s['openinference.span.kind'] != '', transform(
            upper(s['openinference.span.kind']),
            ['LLM', 'CHAIN', 'RETRIEVER', 'EMBEDDING', 'AGENT', 'TOOL', 'GUARDRAIL', 'EVALUATOR'],
            ['generation', 'chain', 'retriever', 'embedding', 'agent', 'tool', 'guardrail',
             'evaluator'],
            'span'),
        s['gen_ai.operation.name'] != '', transform(
            s['gen_ai.operation.name'],
            ['chat', 'completion', 'text_completion', 'generate_content', 'generate', 'embeddings',
             'invoke_agent', 'create_agent', 'execute_tool'],
            ['generation', 'generation', 'generation', 'generation', 'generation', 'embedding',
             'agent', 'agent', 'tool'],
            'span'),
        s['gen_ai.tool.name'] != '' OR s['gen_ai.tool.call.id'] != '', 'tool',
        model_of(s) != '', 'generation',
        'span') AS type_of,

    (s, status) -> multiIf(
        s['langfuse.observation.level'] != '', transform(
            upper(s['langfuse.observation.level']),
            ['DEBUG', 'TRACE', 'VERBOSE', 'WARN', 'WARNING', 'ERROR', 'FATAL', 'CRITICAL'],
            ['DEBUG', 'DEBUG', 'DEBUG', 'WARNING', 'WARNING', 'ERROR', 'ERROR', 'ERROR'],
            'DEFAULT'),
        status = 'Error', 'ERROR',
        'DEFAULT') AS level_of,

    s -> count_of(coalesce(
        member(at(s, 'langfuse.observation.usage_details'), 'input'),
        at(s, 'gen_ai.usage.input_tokens'),
        at(s, 'gen_ai.usage.prompt_tokens'),
        at(s, 'llm.token_count.prompt'),
        '')) AS input_tokens_of,

    s -> count_of(coalesce(
        member(at(s, 'langfuse.observation.usage_details'), 'output'),
        at(s, 'gen_ai.usage.output_tokens'),
        at(s, 'gen_ai.usage.completion_tokens'),
        at(s, 'llm.token_count.completion'),
        '')) AS output_tokens_of,

    -- Totals as they are told; where none is, or it makes no sense, the sum of the parts.
    s -> count_of(coalesce(
        member(at(s, 'langfuse.observation.usage_details'), 'total'),
        at(s, 'gen_ai.usage.total_tokens'),
        at(s, 'llm.token_count.total'),
        '')) AS told_total_of,
    s -> if(told_total_of(s) > 0, told_total_of(s), input_tokens_of(s) + output_tokens_of(s))
        AS total_tokens_of,

    s -> amount_of(coalesce(
        member(at(s, 'langfuse.observation.cost_details'), 'total'),
        at(s, 'gen_ai.usage.cost'),
        at(s, 'llm.cost.total'),
        '')) AS told_cost_of,
    s -> if(
        told_cost_of(s) > 0,
        told_cost_of(s),
        arraySum(arrayMap(
            kv -> if(kv.1 = 'total', 0, amount_of(kv.2)),
            JSONExtractKeysAndValuesRaw(s['langfuse.observation.cost_details'])))) AS cost_of,

    (s, r) -> coalesce(
        at(s, 'langfuse.environment'),
        at(r, 'langfuse.environment'),
        at(s, 'deployment.environment.name'),
        at(r, 'deployment.environment.name'),
        at(s, 'deployment.environment'),
        at(r, 'deployment.environment'),
        'default') AS environment_of,

    (s, r) -> coalesce(at(s, 'langfuse.release'), at(r, 'langfuse.release'), '') AS release_of,
    (s, r) -> coalesce(at(s, 'langfuse.version'), at(r, 'service.version'), '') AS app_version_of,

    -- Tags come as a JSON array, or as one name.
    s -> coalesce(at(s, 'langfuse.trace.tags'), at(s, 'tag.tags'), '') AS tags_text_of,
    s -> multiIf(
        tags_text_of(s) = '', [],
        startsWith(tags_text_of(s), '['), JSONExtract(tags_text_of(s), 'Array(String)'),
        [tags_text_of(s)]) AS tags_of
