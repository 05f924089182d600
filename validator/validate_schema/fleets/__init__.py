"""Fleets: many members that should hold one schema: fingerprinted, grouped by shape, compared."""
