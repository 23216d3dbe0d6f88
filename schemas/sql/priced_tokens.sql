InputTokens + CacheReadTokens + CacheWriteTokens + OutputTokens + ReasoningTokens + AudioTokens
