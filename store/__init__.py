"""The store: the one ClickHouse client, and the embedded server that speaks ClickHouse's HTTP."""
