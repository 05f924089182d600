"""Validate multi-tenant PostgreSQL schemas and report what was examined."""

__version__ = "0.1.0"
