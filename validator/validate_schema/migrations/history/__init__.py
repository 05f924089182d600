"""Files against the ledger: what can be said of every version, and how it is known."""
