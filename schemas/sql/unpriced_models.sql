-- Models in a batch whose spans could have a cost and have none: their names were not in the table
-- when the batch was inserted, and nobody has found by now that there is no price.
SELECT DISTINCT
    Provider,
    lower(Model) AS Name,
    (Provider, Name) IN (SELECT Provider, Model FROM model_prices) AS IsKnown
FROM otel_traces
WHERE Batch = {batch:String} AND CostSource = '' AND Model != ''
    AND length(Model) <= {name_bytes_max:UInt32} AND length(Provider) <= {name_bytes_max:UInt32}
    AND InputTokens + CacheReadTokens + CacheWriteTokens
        + OutputTokens + ReasoningTokens + AudioTokens > 0
    AND (Provider, lower(Model)) NOT IN (
        SELECT Provider, Model FROM model_prices FINAL WHERE empty(Prices))
LIMIT {names_max:UInt32}
