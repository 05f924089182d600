"""Declare checks, run them, accept findings, gate: the engine, packs of checks and what mends a finding."""
