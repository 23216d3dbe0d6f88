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
    SessionId, SessionIdKey, SessionIdSource, Name, UserId, Type, Level, LevelMessage,
    Model, ModelParameters, PromptName, PromptVersion, TimeToFirstToken,
    TraceName, Environment, Release, AppVersion, Tags, Provider,
    InputTokens, CacheReadTokens, CacheWriteTokens, OutputTokens, ReasoningTokens, AudioTokens,
    TotalTokens, InputPreview, OutputPreview, InputKey, OutputKey, Cost, CostSource
)
WITH
    -- The attribute that has this value, or ''.
    (s, text) -> mapKeys(s)[indexOf(mapValues(s), text)] AS key_of,
    empty(ToldCosts) AND arraySum(counts) != counts[7] AND notEmpty(Prices) AS cost_is_computed
SELECT
    span.* EXCEPT (counts, said_and_previews, KnownModel, ToldCosts),
    counts[1] AS InputTokens,
    counts[2] AS CacheReadTokens,
    counts[3] AS CacheWriteTokens,
    counts[4] AS OutputTokens,
    counts[5] AS ReasoningTokens,
    counts[6] AS AudioTokens,
    if(counts[7] > 0, counts[7], arraySum(counts)) AS TotalTokens,
    said_and_previews.2[1] AS InputPreview,
    said_and_previews.2[2] AS OutputPreview,
    if(InputPreview = '', '', key_of(SpanAttributes, said_and_previews.1[1])) AS InputKey,
    if(OutputPreview = '', '', key_of(SpanAttributes, said_and_previews.1[2])) AS OutputKey,
    -- As told, or by the first price that holds for the span's start and for so much input.
    if(NOT cost_is_computed, ToldCosts[1], arrayMap(
        p -> p.Request + arrayDotProduct(
            arrayResize(counts, 6),
            [p.Input, p.CacheRead, p.CacheWrite, p.Output, p.Reasoning, p.Audio]) / 1000000,
        arrayFilter(
            p -> Timestamp >= p.Since
                AND toUnixTimestamp(Timestamp) % 86400 BETWEEN p.FromSecond AND p.UntilSecond - 1
                AND toInt64(arraySum(arraySlice(counts, 1, 3))) > p.InputOver,
            Prices))[1]) AS Cost,
    multiIf(notEmpty(ToldCosts), 'told', cost_is_computed, 'computed', '') AS CostSource
FROM
(
$told_spans
) AS span
ANY LEFT JOIN
(
    SELECT Provider, Model AS KnownModel, Prices
    FROM model_prices FINAL
) AS known
USING (Provider, KnownModel)
FORMAT Protobuf
