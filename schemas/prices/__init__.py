"""What the tokens of a model cost, where a span does not tell its cost (docs/prices.md)."""
