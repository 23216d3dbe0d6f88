-- A slice of spans from their numbers: SPANS_PER_TRACE consecutive ones are a trace. What their
-- attributes mean is said by attribute_map.sql, in front of this.
SELECT
    'default' AS Project, Timestamp, TraceId, SpanId, ParentSpanId, SpanName, SpanKind,
    'chat-api' AS ServiceName, ResourceAttributes,
    'opentelemetry.instrumentation.openai' AS ScopeName, '0.62' AS ScopeVersion,
    SpanAttributes, Duration, StatusCode,
    if(StatusCode = 'Error', 'the upstream did not answer', '') AS StatusMessage,
    session AS SessionId, 'session.id' AS SessionIdKey, 'span' AS SessionIdSource,
    name_of(told, SpanName) AS Name,
    told['user_id'] AS UserId,
    type_of(told, ScopeName, ScopeVersion, SpanName) AS Type,
    level_of(told, StatusCode) AS Level,
    StatusMessage AS LevelMessage,
    model_of(told) AS Model,
    token_counts_of(told)[1] AS InputTokens,
    token_counts_of(told)[4] AS OutputTokens,
    InputTokens + OutputTokens AS TotalTokens,
    told_costs_of(told)[1] AS Cost,
    preview_of(input_told(told, SpanAttributes, no_names, no_attributes), true) AS InputPreview,
    preview_of(output_told(told, SpanAttributes, no_names, no_attributes), false) AS OutputPreview,
    arrayFirst(k -> has(SpanAttributes, k), ['input.value', 'gen_ai.input.messages']) AS InputKey,
    arrayFirst(k -> has(SpanAttributes, k), ['output.value', 'gen_ai.output.messages']) AS OutputKey,
    environment_of(told, ResourceAttributes) AS Environment,
    app_version_of(told, ResourceAttributes) AS AppVersion,
    tags_of(told) AS Tags,
    now64(9, 'UTC') AS Version,
    {batch:String} AS Batch
FROM
(
    SELECT
        *,
        told_of(SpanAttributes) AS told,
        -- They have no events.
        emptyArrayString() AS no_names,
        CAST([], 'Array(Map(String, String))') AS no_attributes
    FROM
    (
        WITH
            n -> lower(leftPad(hex(sipHash64(n, 5)), 16, '0')) AS span_id_of,
            -- Texts that do not repeat, in several alphabets, with ids as retrieved texts have.
            x -> concat('Question ', toString(x % 1000003), ': when does it arrive in ',
                        ['Malmö', '東京', 'São Paulo'][x % 3 + 1], '? It is about ',
                        lower(hex(sipHash128(x, 6))), ' and ', toString(x), '.') AS text_of
        SELECT
            session,
            fromUnixTimestamp64Nano(
                {start_ns:Int64} + toInt64(trace) * {step_ns:Int64}
                + toInt64(place * 11000000 + dice % 1000000), 'UTC') AS Timestamp,
            if(place = 0, 3000000000, 20000000 + dice % 900000000) AS Duration,
            lower(hex(sipHash128(trace, 4))) AS TraceId,
            span_id_of(number) AS SpanId,
            -- A tree of four levels.
            if(place = 0, '', span_id_of(number - place + [0, 0, 1, 1, 3, 3, 0, 6][place + 1]))
                AS ParentSpanId,
            ['POST /v1/chat', 'agent', 'search', 'chat gpt-4o', 'embed', 'rerank', 'answer',
             'chat gpt-4o'][place + 1] AS SpanName,
            ['Server', 'Internal', 'Client'][place % 3 + 1] AS SpanKind,
            if(dice % 200 = 0, 'Error', 'Unset') AS StatusCode,
            map('service.name', 'chat-api', 'service.version', '1.2.3',
                'host.name', concat('h', toString(session_dice % 10)),
                'telemetry.sdk.language', 'python', 'telemetry.sdk.name', 'opentelemetry',
                'deployment.environment.name',
                {environments:Array(String)}[
                    if(session_dice % 10 < 7, 1, session_dice % 2 + 2)]) AS ResourceAttributes,
            mapConcat(
                map('session.id', session,
                    'user.id', concat('user-', toString(session_dice % {users:UInt32})),
                    'server.address', 'api.example.com', 'url.path', '/v1/chat/completions',
                    'http.request.method', 'POST', 'http.response.status_code', '200',
                    'code.function.name', concat('app.steps.', toString(place)),
                    'request.id', lower(hex(sipHash128(number, 8)))),
                if(place = 0, map(
                    'langfuse.trace.tags',
                    concat('["', ['chat', 'beta', 'eu'][session_dice % 3 + 1], '"]'),
                    'input.value', text_of(dice), 'output.value', text_of(dice + 1)), map()),
                if(place IN (3, 7), map(
                    'gen_ai.operation.name', 'chat', 'gen_ai.provider.name', 'openai',
                    'gen_ai.request.model', ['gpt-4o', 'gpt-4o-mini'][session_dice % 2 + 1],
                    'gen_ai.usage.input_tokens', toString(200 + dice % 4000),
                    'gen_ai.usage.output_tokens', toString(10 + dice % 900),
                    'gen_ai.usage.cost', toString((dice % 9000) / 1000000),
                    'gen_ai.input.messages',
                    concat('[{"role": "user", "content": "', text_of(dice), '"}]'),
                    'gen_ai.output.messages',
                    concat('[{"role": "assistant", "content": "', text_of(dice + 2), '"}]')), map())
            ) AS SpanAttributes
        FROM
        (
            SELECT
                number, place, trace, dice, session,
                sipHash64(session) AS session_dice
            FROM
            (
                SELECT
                    number,
                    number % {spans_per_trace:UInt32} AS place,
                    intDiv(number, {spans_per_trace:UInt32}) AS trace,
                    sipHash64(number, 1) AS dice,
                    if(trace % {long_every:UInt32} = 0, {long_session:String}, concat(
                        'chat-', lower(hex(sipHash64(
                            intDiv(trace, {block:UInt32}),
                            sipHash64(trace, 3) % {sessions_of_block:UInt32})))
                    )) AS session
                FROM numbers({first:UInt64}, {spans:UInt64})
            )
        )
    )
)
