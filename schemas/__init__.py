"""The contract: what a record is, how OTLP becomes rows, and the tables and views people query."""
