-- The one place that says what attributes mean. t is what a span's attributes tell, by the names of
-- schemas/attributes.py, and r what its resource's tell ('' where something is not told). In front of
-- it stands attribute_values.sql.
    -- A count or an amount that makes no sense is none: sums must not be poisoned by one span.
    x -> if(toUInt64OrZero(x) <= 1000000000000, toUInt64OrZero(x), 0) AS count_of,
    x -> if(toFloat64OrZero(x) BETWEEN 0 AND 1000000000, toFloat64OrZero(x), 0) AS amount_of,

    -- What people call the span.
    (t, span_name) -> coalesce(
        at(t, 'tool_name'),
        at(t, 'genkit_name'),
        at(t, 'message'),
        at(t, 'vercel_tool_name'),
        if(t['vercel_operation'] = '', NULL, concat(
            t['vercel_function'], if(t['vercel_function'] = '', '', ':'), t['vercel_operation'])),
        span_name) AS name_of,

    -- The Vercel AI SDK's own calls of a model. The spans around them, like those of agents, repeat
    -- the usage of what is in them, which would count twice.
    t -> coalesce(at(t, 'vercel_operation'), t['operation']) AS vercel_operation_of,
    t -> match(vercel_operation_of(t), '^ai\\.[A-Za-z]+\\.do(Generate|Stream|Embed)') AS is_vercel_call,
    t -> t['genai_operation'] IN ('invoke_agent', 'agent_step')
        OR (startsWith(t['vercel_operation'], 'ai.') AND NOT is_vercel_call(t)) AS repeats_usage,

    t -> if(repeats_usage(t), '', coalesce(
        at(t, 'model'),
        at(t, 'vercel_model'),
        at(t, 'other_model'),
        if(t['genkit_kind'] = 'model', t['genkit_name'], ''))) AS model_of,

    (t, scope, scope_version, span_name) -> coalesce(
        -- Langfuse's Python SDK to 3.3 says so of generations as well.
        if(t['type'] = 'span' AND scope = 'langfuse-sdk'
               AND match(scope_version, '^([0-2]|3\\.[0-3])\\.')
               AND (t['model'] != '' OR t['usage'] != '' OR t['costs'] != ''
                    OR t['model_parameters'] != '' OR t['prompt_name'] != ''
                    OR t['first_token_time'] != ''),
           'generation', NULL),
        nullIf(transform(
            lower(t['type']),
            ['span', 'generation', 'event', 'embedding', 'agent', 'tool', 'chain', 'retriever',
             'guardrail', 'evaluator'],
            ['span', 'generation', 'event', 'embedding', 'agent', 'tool', 'chain', 'retriever',
             'guardrail', 'evaluator'],
            ''), ''),
        nullIf(transform(
            upper(t['openinference_kind']),
            ['LLM', 'CHAIN', 'RETRIEVER', 'EMBEDDING', 'AGENT', 'TOOL', 'GUARDRAIL', 'EVALUATOR'],
            ['generation', 'chain', 'retriever', 'embedding', 'agent', 'tool', 'guardrail',
             'evaluator'],
            ''), ''),
        nullIf(transform(
            t['genai_operation'],
            ['chat', 'completion', 'text_completion', 'generate_content', 'generate', 'embeddings',
             'invoke_agent', 'create_agent', 'execute_tool'],
            ['generation', 'generation', 'generation', 'generation', 'generation', 'embedding',
             'agent', 'agent', 'tool'],
            ''), ''),
        nullIf(transform(
            splitByChar('.', t['genkit_kind'])[1],  -- tool.v2
            ['model', 'tool', 'embedder', 'retriever', 'evaluator', 'agent', 'flow'],
            ['generation', 'tool', 'embedding', 'retriever', 'evaluator', 'agent', 'chain'],
            ''), ''),
        nullIf(transform(
            t['traceloop_kind'],
            ['agent', 'tool', 'workflow', 'task'],
            ['agent', 'tool', 'chain', 'chain'],
            ''), ''),
        multiIf(
            is_vercel_call(t) AND model_of(t) != '',
                if(endsWith(splitByChar(' ', vercel_operation_of(t))[1], 'Embed'),
                   'embedding', 'generation'),
            startsWith(vercel_operation_of(t), 'ai.toolCall'), 'tool',
            t['tool_name'] != '' OR t['tool_call_id'] != '' OR t['flue_tool'] != '', 'tool',
            t['flue_task'] != '', 'agent',
            scope = 'livekit-agents', transform(
                span_name,
                ['llm_request', 'function_tool', 'agent_session', 'agent_turn'],
                ['generation', 'tool', 'agent', 'agent'],
                'span'),
            t['model'] != '' OR t['other_model'] != '', 'generation',
            'span')) AS type_of,

    (t, status) -> coalesce(
        nullIf(transform(
            upper(t['level']),
            ['DEBUG', 'TRACE', 'VERBOSE', 'DEFAULT', 'INFO', 'LOG', 'NOTICE', 'OK', 'SUCCESS',
             'WARN', 'WARNING', 'ERROR', 'FATAL', 'CRITICAL'],
            ['DEBUG', 'DEBUG', 'DEBUG', 'DEFAULT', 'DEFAULT', 'DEFAULT', 'DEFAULT', 'DEFAULT',
             'DEFAULT', 'WARNING', 'WARNING', 'ERROR', 'ERROR', 'ERROR'],
            ''), ''),
        if(status = 'Error', 'ERROR', 'DEFAULT')) AS level_of,

    -- As a JSON object: told as one, or gathered from an attribute for each.
    (t, s) -> multiIf(
        t['model_parameters'] != '', t['model_parameters'],
        t['genkit_kind'] = 'model', JSONExtractRaw(t['input'], 'config'),
        t['other_parameters'] != '', t['other_parameters'],
        model_of(t) = '', '',
        arrayMap(
            m -> if(empty(m), '', concat('{', arrayStringConcat(
                arrayMap(
                    (k, v) -> concat(
                        toJSONString(extract(k, '([^.]+)$$')), ':',
                        if(isValidJSON(v), v, toJSONString(v))),
                    mapKeys(m), mapValues(m)),
                ','), '}')),
            [mapFilter(
                (k, v) -> match(
                    k, '^(gen_ai\\.request|llm\\.invocation_parameters|ai\\.settings)\\.[^.]+$$')
                    AND NOT endsWith(k, '.model'),
                s)])[1]) AS model_parameters_of,

    -- Prompts are what generations are made from.
    (t, k) -> coalesce(
        at(t, concat('prompt_', k)),
        if(t['prompt'] = '', '', trim(BOTH '"' FROM JSONExtractRaw(t['prompt'], k))))
        AS prompt_of,

    -- Nanoseconds from the start, 0 where it is not told.
    (t, start) -> toUInt64(greatest(0, multiIf(
        t['first_token_time'] != '', toUnixTimestamp64Nano(ifNull(
            parseDateTime64BestEffortOrNull(trim(BOTH '"' FROM t['first_token_time']), 9, 'UTC'),
            start)) - toUnixTimestamp64Nano(start),
        t['first_token_ms'] != '', toInt64(amount_of(t['first_token_ms']) * 1000000),
        t['first_token_seconds'] != '', toInt64(amount_of(t['first_token_seconds']) * 1000000000),
        0))) AS first_token_of,

    -- What was used, by the names of the counts. `apart` is not empty where the counts of input and
    -- output are without those of their parts: in JSON objects, and where providers count so.
    x -> coalesce(
        nullIf(JSONExtractRaw(x, 'openai', 'cachedPromptTokens'), ''),
        nullIf(JSONExtractRaw(x, 'anthropic', 'usage', 'cache_read_input_tokens'), ''),
        nullIf(JSONExtractRaw(x, 'anthropic', 'cacheReadInputTokens'), ''),
        JSONExtractRaw(x, 'bedrock', 'usage', 'cacheReadInputTokens')) AS cache_read_by_provider,
    x -> coalesce(
        nullIf(JSONExtractRaw(x, 'anthropic', 'cacheCreationInputTokens'), ''),
        nullIf(JSONExtractRaw(x, 'anthropic', 'usage', 'cache_creation_input_tokens'), ''),
        JSONExtractRaw(x, 'bedrock', 'usage', 'cacheWriteInputTokens')) AS cache_write_by_provider,
    t -> coalesce(
        at(t, 'usage'),
        if(t['genkit_kind'] = 'model', JSONExtractRaw(t['output'], 'usage'), '')) AS usage_json_of,
    t -> multiIf(
        repeats_usage(t), CAST(map(), 'Map(String, String)'),
        usage_json_of(t) != '', mapUpdate(
            told_by(JSONExtract(usage_json_of(t), 'Map(String, String)'),
                    $usage_members, $counts_of_usage_members),
            map('apart', '1')),
        t['provider_metadata'] != '', mapConcat(t, map(
            'cache_read_tokens', cache_read_by_provider(t['provider_metadata']),
            'cache_write_tokens', cache_write_by_provider(t['provider_metadata']),
            'reasoning_tokens', JSONExtractRaw(t['provider_metadata'], 'openai', 'reasoningTokens'),
            'apart', if(t['uncached_tokens'] != '' OR JSONHas(t['provider_metadata'], 'openai'),
                        '', '1'))),
        t) AS usage_of,

    -- Of what was told, parts that it was told with taken out.
    (u, whole, part, other_part) -> if(
        u['apart'] != '', count_of(u[whole]),
        count_of(u[whole])
            - least(count_of(u[whole]), count_of(u[part]) + count_of(u[other_part]))) AS rest_of,
    u -> if(
        count_of(u['total_tokens']) > 0,
        count_of(u['total_tokens']),
        rest_of(u, 'input_tokens', 'cache_read_tokens', 'cache_write_tokens')
            + rest_of(u, 'output_tokens', 'reasoning_tokens', 'audio_tokens')
            + count_of(u['cache_read_tokens']) + count_of(u['cache_write_tokens'])
            + count_of(u['reasoning_tokens']) + count_of(u['audio_tokens'])) AS total_tokens_of,

    t -> coalesce(
        nullIf(amount_of(JSONExtractRaw(t['costs'], 'total')), 0),
        nullIf(amount_of(t['cost']), 0),
        arraySum(arrayMap(
            kv -> if(kv.1 = 'total', 0, amount_of(kv.2)), JSONExtractKeysAndValuesRaw(t['costs']))))
        AS told_cost_of,
    t -> if(repeats_usage(t) OR (t['costs'] = '' AND t['cost'] = ''), 0, told_cost_of(t)) AS cost_of,
    -- Of no cost as well: something was free.
    t -> NOT repeats_usage(t) AND (
        cost_of(t) > 0
        OR toFloat64OrDefault(t['cost'], 1.) = 0
        OR (t['costs'] != '' AND arrayExists(
            kv -> toFloat64OrDefault(kv.2, 1.) = 0, JSONExtractKeysAndValuesRaw(t['costs']))))
        AS cost_is_told,

    name -> if(match(name, '^[a-z0-9_-]+$$'), name, 'default') AS environment_or_default,
    (t, r) -> environment_or_default(leftUTF8(
        replaceRegexpOne(
            lowerUTF8(coalesce(
                at(t, 'environment'),
                at(r, 'environment'),
                at(t, 'environment_name'),
                at(r, 'environment_name'),
                at(t, 'old_environment'),
                at(r, 'old_environment'),
                'default')),
            '^langfuse[-_]?', ''),
        40)) AS environment_of,

    (t, r) -> coalesce(at(t, 'release'), r['release']) AS release_of,
    (t, r) -> coalesce(at(t, 'version'), r['service_version']) AS app_version_of,

    -- Tags come as a JSON array, as a list with commas, or as one name.
    t -> multiIf(
        t['tags'] = '', [],
        startsWith(t['tags'], '['), JSONExtract(t['tags'], 'Array(String)'),
        arrayFilter(tag -> tag != '',
                    arrayMap(tag -> trimBoth(tag), splitByChar(',', t['tags'])))) AS tags_of
