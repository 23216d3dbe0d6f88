Project, SessionId, StartTime, EndTime, TraceCount, SpanCount, ErrorCount, GenerationCount,
    InputTokens, OutputTokens, TotalTokens, Cost, UserIds, Services, Environments, Models, Tags,
    FirstInput, LastOutput, EndedAt, Version, IsDeleted
