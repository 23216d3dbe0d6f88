-- The spans of OTLP records (landing.proto), with what their attributes mean.
--
-- Read it from the inside out: resources, their scopes, their spans, and then what the attributes
-- mean. Each level hands on only what the next one needs (to take a resource's spans along would
-- replicate the whole request for each of them), and hands it on as columns: the engine writes an
-- alias out wherever it is used, and statements that nest aliases take it a second to understand.
-- It goes through all levels below for each comparison with a constant in an AND, each comparison by
-- = in an OR, and each lambda that uses a column: so there are few of these, and the levels are small.
WITH
$attribute_map
SELECT
    * EXCEPT (session_place, told),
    if(SessionIdSource = 'span', SpanAttributes, ResourceAttributes)[SessionIdKey] AS SessionId,
    {session_keys:Array(String)}[intDiv(session_place, 2)] AS SessionIdKey,
    multiIf(session_place = 0, '', session_place % 2 = 0, 'span', 'resource') AS SessionIdSource,
    name_of(told, SpanName) AS Name,
    told['user_id'] AS UserId,
    type_of(told, ScopeName, ScopeVersion, SpanName) AS Type,
    level_of(told, StatusCode) AS Level,
    if(told['status_message'] != '', told['status_message'], StatusMessage) AS LevelMessage,
    model_of(told) AS Model,
    model_parameters_of(told, SpanAttributes) AS ModelParameters,
    prompt_of(told, 'name') AS PromptName,
    prompt_of(told, 'version') AS PromptVersion,
    first_token_of(told, Timestamp) AS TimeToFirstToken,
    token_counts_of(told) AS counts,
    -- Most spans say nothing.
    arrayMap(
        said -> (said, arrayMap((text, is_input) -> preview_of(text, is_input), said, [true, false])),
        arrayFilter(said -> said != ['', ''], [[
            input_told(told, SpanAttributes, `Events.Name`, `Events.Attributes`),
            output_told(told, SpanAttributes, `Events.Name`, `Events.Attributes`)]]))[1]
        AS said_and_previews,
    told['trace_name'] AS TraceName,
    environment_of(told, ResourceAttributes) AS Environment,
    release_of(told, ResourceAttributes) AS Release,
    app_version_of(told, ResourceAttributes) AS AppVersion,
    tags_of(told) AS Tags,
    lower(told['provider']) AS Provider,
    lower(Model) AS KnownModel,
    told_costs_of(told) AS ToldCosts
FROM
(
    WITH
$session_rank,
$told_of
    SELECT
        * EXCEPT ResourceSessionRank,
        -- An earlier key comes first, and of one key the span's before its resource's.
        arrayMin(arrayFilter(
            place -> place > 1,
            [session_rank(SpanAttributes) * 2, ResourceSessionRank * 2 + 1])) AS session_place,
        told_of(SpanAttributes) AS told
    FROM
    (
        WITH
$value_text,
            n -> fromUnixTimestamp64Nano(toInt64(least(n, 9223372036854775807)), 'UTC') AS time_of
        SELECT
            project AS Project,
            time_of(if(start_is_possible, start_told, received)) AS Timestamp,
            lower(hex(span.trace_id)) AS TraceId,
            lower(hex(span.span_id)) AS SpanId,
            lower(hex(span.parent_span_id)) AS ParentSpanId,
            span.trace_state AS TraceState,
            span.name AS SpanName,
            transform(span.kind, [1, 2, 3, 4, 5],
                      ['Internal', 'Server', 'Client', 'Producer', 'Consumer'],
                      'Unspecified') AS SpanKind,
            ResourceAttributes['service.name'] AS ServiceName,
            ResourceAttributes,
            ScopeName,
            ScopeVersion,
            mapConcat(map_of(span.attributes), if(start_is_possible AND end_is_possible, map(), map(
                'sessiontrail.start_time_unix_nano', toString(start_told),
                'sessiontrail.end_time_unix_nano', toString(end_told)))) AS SpanAttributes,
            if(end_is_possible, end_told - start_told, 0) AS Duration,
            transform(span.status.code, [1, 2], ['Ok', 'Error'], 'Unset') AS StatusCode,
            span.status.message AS StatusMessage,
            arrayMap(n -> time_of(n), span.events.time_unix_nano) AS `Events.Timestamp`,
            span.events.name AS `Events.Name`,
            arraySlice(maps_below, 1, length(span.events.name)) AS `Events.Attributes`,
            arrayMap(i -> lower(hex(i)), span.links.trace_id) AS `Links.TraceId`,
            arrayMap(i -> lower(hex(i)), span.links.span_id) AS `Links.SpanId`,
            span.links.trace_state AS `Links.TraceState`,
            arraySlice(maps_below, length(span.events.name) + 1) AS `Links.Attributes`,
            span.flags AS Flags,
            ScopeAttributes,
            span.dropped_attributes_count AS DroppedAttributesCount,
            span.dropped_events_count AS DroppedEventsCount,
            span.dropped_links_count AS DroppedLinksCount,
            ResourceSchemaUrl,
            ScopeSchemaUrl,
            arrayConcat(if(start_is_possible, [], ['start']), if(end_is_possible, [], ['end']))
                AS TimeRepairs,
            time_of(received) AS Version,
            batch AS Batch,
            ResourceSessionRank
        FROM
        (
            -- Times are nanoseconds since 1970. A start that cannot be is replaced by the receive time,
            -- an end that cannot be by the start; what was told stays among the attributes.
            WITH
$value_text
            SELECT
                project, batch, received, ResourceAttributes, ResourceSessionRank,
                ResourceSchemaUrl, ScopeName, ScopeVersion, ScopeAttributes, ScopeSchemaUrl, span,
                arrayMap(
                    attributes -> map_of(attributes),
                    arrayConcat(span.events.attributes, span.links.attributes)) AS maps_below,
                span.start_time_unix_nano AS start_told,
                span.end_time_unix_nano AS end_told,
                start_told BETWEEN received - {past_ns_max:UInt64} AND received + {future_ns_max:UInt64}
                    AS start_is_possible,
                end_told >= start_told AND end_told - start_told <= {past_ns_max:UInt64}
                    AND (NOT start_is_possible OR end_told <= received + {future_ns_max:UInt64})
                    AS end_is_possible
            FROM
            (
                WITH
$session_rank
                SELECT
                    project, batch, received, ResourceAttributes, ResourceSchemaUrl,
                    session_rank(ResourceAttributes) AS ResourceSessionRank,
                    scope_spans.scope.name AS ScopeName,
                    scope_spans.scope.version AS ScopeVersion,
                    ScopeAttributes,
                    scope_spans.schema_url AS ScopeSchemaUrl,
                    scope_spans.spans AS spans
                FROM
                (
                    SELECT
                        project, batch, received, ResourceSchemaUrl, scope_spans,
                        maps[1] AS ResourceAttributes,
                        arrayPopFront(maps) AS scopes_attributes
                    FROM
                    (
                        WITH
$value_text
                        SELECT
                            project, batch, received_unix_nano AS received,
                            resource_spans.schema_url AS ResourceSchemaUrl,
                            resource_spans.scope_spans AS scope_spans,
                            arrayMap(attributes -> map_of(attributes), arrayPushFront(
                                resource_spans.scope_spans.scope.attributes,
                                resource_spans.resource.attributes)) AS maps
                        FROM input('$landing')
                        ARRAY JOIN resource_spans
                    )
                )
                ARRAY JOIN scope_spans, scopes_attributes AS ScopeAttributes
            )
            ARRAY JOIN spans AS span
        )
    )
)
