"""SQL as text: names quoted, scripts split, expressions parsed, compared and read. Nothing is run."""
