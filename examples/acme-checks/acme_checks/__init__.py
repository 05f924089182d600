"""Acme's own rules: what validate-schema looks for besides its own."""

from validate_schema.pack import Family

ACME = Family("ACM", "Rules of Acme")
