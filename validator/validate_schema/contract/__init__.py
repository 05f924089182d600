"""The declared state: what the config says of it, sources merged, held against a database."""
