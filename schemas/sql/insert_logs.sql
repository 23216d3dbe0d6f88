-- OTLP records become rows, as in insert_spans.sql: the body of the insert is a stream of LogsData
-- (landing.proto).
INSERT INTO otel_logs
(
    Project, Timestamp, TraceId, SpanId, TraceFlags, SeverityText, SeverityNumber, ServiceName, Body,
    ResourceSchemaUrl, ResourceAttributes, ScopeSchemaUrl, ScopeName, ScopeVersion, ScopeAttributes,
    LogAttributes, EventName, ObservedTimestamp, DroppedAttributesCount, TimeRepairs, Version, Batch,
    ContentHash, SessionId, SessionIdKey, SessionIdSource
)
WITH
    -- For each key the record comes before its resource; an earlier key comes before both.
    LogSessionRank != 0 AND (ResourceSessionRank = 0 OR LogSessionRank <= ResourceSessionRank)
        AS session_is_the_records,
    if(session_is_the_records, LogSessionRank, ResourceSessionRank) AS session_rank
SELECT
    * EXCEPT (TimeTold, LogSessionRank, ResourceSessionRank),
    sipHash64(
        TimeTold, ObservedTimestamp, TraceId, SpanId, TraceFlags, SeverityText, SeverityNumber, Body,
        EventName, DroppedAttributesCount,
        mapKeys(LogAttributes), mapValues(LogAttributes),
        mapKeys(ResourceAttributes), mapValues(ResourceAttributes),
        ScopeName, ScopeVersion, mapKeys(ScopeAttributes), mapValues(ScopeAttributes)
    ) AS ContentHash,
    if(session_is_the_records, LogAttributes, ResourceAttributes)[SessionIdKey] AS SessionId,
    {session_keys:Array(String)}[session_rank] AS SessionIdKey,
    multiIf(session_rank = 0, '', session_is_the_records, 'log', 'resource') AS SessionIdSource
FROM
(
    WITH
$value_text,
$session_rank,
        n -> fromUnixTimestamp64Nano(toInt64(least(n, 9223372036854775807)), 'UTC') AS time_of
    SELECT
        project AS Project,
        time_of(multiIf(time_is_possible, record.time_unix_nano,
                        observed_is_possible, record.observed_time_unix_nano,
                        received)) AS Timestamp,
        lower(hex(record.trace_id)) AS TraceId,
        lower(hex(record.span_id)) AS SpanId,
        toUInt8(bitAnd(record.flags, 255)) AS TraceFlags,
        record.severity_text AS SeverityText,
        toUInt8(if(record.severity_number BETWEEN 0 AND 255, record.severity_number, 0))
            AS SeverityNumber,
        ResourceAttributes['service.name'] AS ServiceName,
        text_of(record.body) AS Body,
        ResourceSchemaUrl,
        ResourceAttributes,
        ScopeSchemaUrl,
        scope.name AS ScopeName,
        scope.version AS ScopeVersion,
        map_of(scope.attributes) AS ScopeAttributes,
        map_of(record.attributes) AS LogAttributes,
        if(record.event_name != '', record.event_name, LogAttributes['event.name']) AS EventName,
        time_of(record.observed_time_unix_nano) AS ObservedTimestamp,
        record.dropped_attributes_count AS DroppedAttributesCount,
        arrayConcat(if(time_is_possible, [], ['time']),
                    if(time_is_possible OR observed_is_possible, [], ['observed'])) AS TimeRepairs,
        time_of(received) AS Version,
        batch AS Batch,
        record.time_unix_nano AS TimeTold,
        session_rank(LogAttributes) AS LogSessionRank,
        ResourceSessionRank
    FROM
    (
        -- Times are nanoseconds since 1970. A time that cannot be is replaced by when the record was
        -- observed, or else received.
        SELECT
            project, batch, received, ResourceAttributes, ResourceSessionRank, ResourceSchemaUrl,
            scope, ScopeSchemaUrl, record,
            received - {past_ns_max:UInt64} AS earliest,
            received + {future_ns_max:UInt64} AS latest,
            record.time_unix_nano BETWEEN earliest AND latest AS time_is_possible,
            record.observed_time_unix_nano BETWEEN earliest AND latest AS observed_is_possible
        FROM
        (
            WITH
$session_rank
            SELECT
                project, batch, received, ResourceAttributes, ResourceSchemaUrl,
                session_rank(ResourceAttributes) AS ResourceSessionRank,
                scope_logs.scope AS scope,
                scope_logs.schema_url AS ScopeSchemaUrl,
                scope_logs.log_records AS records
            FROM
            (
                WITH
$value_text
                SELECT
                    project, batch, received_unix_nano AS received,
                    map_of(resource_logs.resource.attributes) AS ResourceAttributes,
                    resource_logs.schema_url AS ResourceSchemaUrl,
                    resource_logs.scope_logs AS scope_logs
                FROM input('$landing_logs')
                ARRAY JOIN resource_logs
            )
            ARRAY JOIN scope_logs
        )
        ARRAY JOIN records AS record
    )
)
FORMAT Protobuf
