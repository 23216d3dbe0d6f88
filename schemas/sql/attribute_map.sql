-- The one place that says what attributes mean. t is what a span's attributes tell, by the names of
-- schemas/attributes.py, and r what its resource's tell ('' where something is not told). In front of
-- it stands attribute_values.sql.

    -- A count or an amount that makes no sense is none: sums must not be poisoned by one span.
    x -> arrayFirst(n -> n <= 1000000000000, [toUInt64OrZero(x)]) AS count_of,
    x -> arrayFirst(n -> n BETWEEN 0 AND 1000000000, [toFloat64OrZero(x)]) AS amount_of,

    -- What people call the span.
    (t, span_name) -> multiIf(
        t['tool_name'] != '', t['tool_name'],
        t['genkit_name'] != '', t['genkit_name'],
        t['message'] != '', t['message'],
        t['vercel_tool_name'] != '', t['vercel_tool_name'],
        startsWith(t['vercel_operation'], 'ai.'), concat(
            t['vercel_function'], if(t['vercel_function'] = '', '', ':'),
            splitByChar(' ', t['vercel_operation'])[1]),
        span_name) AS name_of,

    -- Agents, and the spans that the Vercel AI SDK puts around its calls of a model, repeat the usage
    -- of what is in them, which would count twice.
    t -> t['genai_operation'] IN ('invoke_agent', 'agent_step')
        OR match(t['vercel_operation'], '^ai\\.[A-Za-z]+($$| )') AS repeats_usage,

    t -> multiIf(
        repeats_usage(t), '',
        t['model'] != '', t['model'],
        t['vercel_model'] != '', t['vercel_model'],
        t['other_model'] != '', t['other_model'],
        t['genkit_kind'] = 'model', t['genkit_name'],
        '') AS model_of,

    (t, scope, scope_version, span_name) -> coalesce(
        -- Langfuse's Python SDK to 3.3 says so of generations as well.
        if(t['type'] != 'span' OR scope != 'langfuse-sdk'
               OR NOT match(scope_version, '^([0-2]|3\\.[0-3])\\.')
               OR (t['model'] = '' AND t['usage'] = '' AND t['costs'] = ''
                   AND t['model_parameters'] = '' AND t['prompt_name'] = ''
                   AND t['first_token_time'] = ''),
           NULL, 'generation'),
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
            match(t['vercel_operation'], '^ai\\.[A-Za-z]+\\.do(Generate|Stream)'), 'generation',
            match(t['vercel_operation'], '^ai\\.[A-Za-z]+\\.doEmbed'), 'embedding',
            startsWith(t['vercel_operation'], 'ai.toolCall'), 'tool',
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
        t['model'] = '' AND t['vercel_model'] = '' AND t['other_model'] = '', '',
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

    -- The name, or the version, of the prompt that a generation is made from.
    (t, k) -> multiIf(
        t[concat('prompt_', k)] != '', t[concat('prompt_', k)],
        t['prompt'] != '', trim(BOTH '"' FROM JSONExtractRaw(t['prompt'], k)),
        '') AS prompt_of,

    -- Nanoseconds from the start, 0 where it is not told.
    (t, start) -> toUInt64(greatest(0, multiIf(
        t['first_token_time'] != '', toUnixTimestamp64Nano(ifNull(
            parseDateTime64BestEffortOrNull(trim(BOTH '"' FROM t['first_token_time']), 9, 'UTC'),
            start)) - toUnixTimestamp64Nano(start),
        t['first_token_ms'] != '', toInt64(amount_of(t['first_token_ms']) * 1000000),
        t['first_token_seconds'] != '', toInt64(amount_of(t['first_token_seconds']) * 1000000000),
        0))) AS first_token_of,

    -- What was used, by the names of the counts. `apart` is 1 where the counts of input and
    -- output are without those of their parts: in JSON objects, and where providers count so.
    p -> map(
        'cache_read_tokens', arrayFirst(x -> x != '', [
            JSONExtractRaw(p, 'openai', 'cachedPromptTokens'),
            JSONExtractRaw(p, 'anthropic', 'usage', 'cache_read_input_tokens'),
            JSONExtractRaw(p, 'anthropic', 'cacheReadInputTokens'),
            JSONExtractRaw(p, 'bedrock', 'usage', 'cacheReadInputTokens')]),
        'cache_write_tokens', arrayFirst(x -> x != '', [
            JSONExtractRaw(p, 'anthropic', 'cacheCreationInputTokens'),
            JSONExtractRaw(p, 'anthropic', 'usage', 'cache_creation_input_tokens'),
            JSONExtractRaw(p, 'bedrock', 'usage', 'cacheWriteInputTokens')]),
        'reasoning_tokens', JSONExtractRaw(p, 'openai', 'reasoningTokens'),
        'apart', if(JSONHas(p, 'openai'), '', '1')) AS usage_of_provider,
    json -> mapConcat(
        map('apart', '1'),
        told_by(JSONExtract(json, 'Map(String, String)'), $usage_members, $counts_of_usage_members))
        AS usage_of_json,
    t -> multiIf(
        repeats_usage(t), CAST(map(), 'Map(String, String)'),
        t['usage'] != '' OR t['genkit_kind'] = 'model', usage_of_json(
            if(t['usage'] != '', t['usage'], JSONExtractRaw(t['output'], 'usage'))),
        t['provider_metadata'] != '' AND t['uncached_tokens'] = '',
            mapConcat(t, usage_of_provider(t['provider_metadata'])),
        t) AS usage_of,

    -- Of what was used (u) the counts of input, cache read, cache written, output, reasoning, audio and
    -- total; nothing where it tells none. Those of input and output are without their parts.
    (whole, parts) -> toUInt64(whole - least(whole, parts)) AS without,
    u -> arrayMap(
        c -> [
            without(c[1], if(c[8] = 1, 0, c[2] + c[3])), c[2], c[3],
            without(c[4], if(c[8] = 1, 0, c[5] + c[6])), c[5], c[6],
            c[7]],
        [arrayMap(
            k -> count_of(u[k]),
            ['input_tokens', 'cache_read_tokens', 'cache_write_tokens', 'output_tokens',
             'reasoning_tokens', 'audio_tokens', 'total_tokens', 'apart'])])[1] AS counts_of,
    t -> arrayMap(u -> counts_of(u), if(
        t['input_tokens'] = '' AND t['output_tokens'] = '' AND t['total_tokens'] = ''
            AND t['usage'] = '' AND t['genkit_kind'] = ''
            AND t['cache_read_tokens'] = '' AND t['cache_write_tokens'] = ''
            AND t['reasoning_tokens'] = '' AND t['audio_tokens'] = '',
        [], [usage_of(t)]))[1] AS token_counts_of,

    -- The costs that are told, the best first. After them 0, if something was free: that is a cost too.
    t -> if((t['costs'] = '' AND t['cost'] = '') OR repeats_usage(t), [], arrayConcat(
        arrayFilter(x -> x > 0, [
            amount_of(JSONExtractRaw(t['costs'], 'total')),
            amount_of(t['cost']),
            arraySum(part -> if(part.1 = 'total', 0, amount_of(part.2)),
                     JSONExtractKeysAndValuesRaw(t['costs']))]),
        arrayFilter(x -> x = 0, arrayMap(
            x -> toFloat64OrDefault(x, 1.),
            arrayPushBack(JSONExtractKeysAndValuesRaw(t['costs']).2, t['cost']))))) AS told_costs_of,

    (t, r) -> arrayFirst(name -> match(name, '^[a-z0-9_-]+$$'), [leftUTF8(
        replaceRegexpOne(
            lowerUTF8(multiIf(
                t['environment'] != '', t['environment'],
                r['langfuse.environment'] != '', r['langfuse.environment'],
                t['environment_name'] != '', t['environment_name'],
                r['deployment.environment.name'] != '', r['deployment.environment.name'],
                t['old_environment'] != '', t['old_environment'],
                r['deployment.environment'])),
            '^langfuse[-_]?', ''),
        40), 'default']) AS environment_of,

    (t, r) -> if(t['release'] != '', t['release'], r['langfuse.release']) AS release_of,
    (t, r) -> if(t['version'] != '', t['version'], r['service.version']) AS app_version_of,

    -- Tags come as a JSON array, as a list with commas, or as one name.
    t -> multiIf(
        t['tags'] = '', [],
        startsWith(t['tags'], '['), JSONExtract(t['tags'], 'Array(String)'),
        arrayFilter(tag -> tag != '',
                    arrayMap(tag -> trimBoth(tag), splitByChar(',', t['tags'])))) AS tags_of
