Project, TraceId, SpanId, ParentSpanId, Timestamp, Duration, Name, ServiceName,
            StatusCode, SessionId, SessionIdKey, UserId, Type, Level, Model, InputTokens,
            OutputTokens, TotalTokens, Cost, CostSource, InputPreview, OutputPreview, TraceName, Environment,
            Tags, SessionEnd, Version, IsDeleted, Batch
