"""Receiving OTLP over gRPC and HTTP, validating it, publishing it to the buffer."""
