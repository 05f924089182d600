"""The checks, one module per family; see docs/checks.md."""
