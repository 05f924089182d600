"""Expressions and bodies as the server prints them: read, never run."""
