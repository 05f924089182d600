"""Frozen records: what is read, what is declared, what is found. No I/O, no decisions."""
