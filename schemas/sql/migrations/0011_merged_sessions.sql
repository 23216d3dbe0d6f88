-- The list reads all sessions. Half of its time goes into merging their newest versions, unless they
-- stand in one part already. So parts that are ten minutes old are merged, however large the one and
-- small the other: a million sessions take the engine some seconds, at most once in that time.
ALTER TABLE sessions_data MODIFY SETTING min_age_to_force_merge_seconds = 600;
