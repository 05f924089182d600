"""SQL that mends a finding, written for a live table."""
