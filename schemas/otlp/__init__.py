"""
What valid OTLP is to this system: whoever lets spans in, ingest or a worker, asks here.

Bytes in, bytes out that the store can hold, and what was wrong with the spans left out.
"""
