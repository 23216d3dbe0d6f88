"""
The embedded store: chDB, the ClickHouse engine in process, behind ClickHouse's HTTP interface.

Whatever talks to a ClickHouse server over HTTP talks to this one, so a real server is a change of
URL and nothing else.
"""
