"""Whole jobs: examine, prove, vouch for a history, compare, correct."""
