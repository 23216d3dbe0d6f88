-- What tables know of the settings: metadata alone, so that it costs nothing to say it again.
ALTER TABLE sessions_data MODIFY COLUMN IdleSeconds UInt32 ALIAS $idle_seconds;
ALTER TABLE deletions MODIFY TTL toDateTime(CutOff) + toIntervalDay($remembered_days)
SETTINGS materialize_ttl_after_modify = 0;
