"""How fast it is, and where the time goes: `make bench` measures the whole, `stages` each part."""
