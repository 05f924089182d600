"""SQL that mends a finding, written for a live table: what it locks is named, and the way back is known."""
