-- OTLP records become rows: the body of the insert is a stream of TracesData (landing.proto). What the
-- spans tell is in told_spans.sql; here is added what they cost.
INSERT INTO otel_traces
(
    Project, Timestamp, TraceId, SpanId, ParentSpanId, TraceState, SpanName, SpanKind, ServiceName,
    ResourceAttributes, ScopeName, ScopeVersion, SpanAttributes, Duration, StatusCode, StatusMessage,
    Events.Timestamp, Events.Name, Events.Attributes,
    Links.TraceId, Links.SpanId, Links.TraceState, Links.Attributes,
    Flags, ScopeAttributes, DroppedAttributesCount, DroppedEventsCount, DroppedLinksCount,
    ResourceSchemaUrl, ScopeSchemaUrl, TimeRepairs, Version, Batch,
    Name, UserId, Type, Level, LevelMessage, Model, ModelParameters, TimeToFirstToken, TraceName,
    Environment, Release, AppVersion, Tags, Provider, SessionId, SessionIdKey, SessionIdSource,
    PromptName, PromptVersion, InputTokens, CacheReadTokens, CacheWriteTokens, OutputTokens,
    ReasoningTokens, AudioTokens, TotalTokens, InputPreview, OutputPreview,
    Cost, CostSource
)
SELECT
    span.* EXCEPT (ToldCost, CostIsTold),
    -- As told, or by the first price that holds for the span's start and for so much input.
    if(CostIsTold, ToldCost, arrayMap(
        p -> p.Request + (
            InputTokens * p.Input + CacheReadTokens * p.CacheRead + CacheWriteTokens * p.CacheWrite
            + OutputTokens * p.Output + ReasoningTokens * p.Reasoning + AudioTokens * p.Audio
        ) / 1000000,
        arraySlice(
            arrayFilter(
                p -> Timestamp >= p.Since
                    AND toUnixTimestamp(Timestamp) % 86400 BETWEEN p.FromSecond AND p.UntilSecond - 1
                    AND toInt64(InputTokens + CacheReadTokens + CacheWriteTokens) > p.InputOver,
                Prices),
            1, 1))[1]) AS Cost,
    multiIf(CostIsTold, 'told', notEmpty(Prices), 'computed', '') AS CostSource
FROM
(
$told_spans
) AS span
ANY LEFT JOIN
(
    SELECT Provider AS KnownProvider, Model AS KnownModel, Prices
    FROM model_prices FINAL
) AS known
ON known.KnownProvider = span.Provider
    AND known.KnownModel = if(CostIsTold OR $priced_tokens = 0, '', lower(span.Model))
FORMAT Protobuf
