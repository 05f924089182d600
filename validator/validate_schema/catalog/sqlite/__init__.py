"""SQLite: its tables, keys and checks as a catalog, and a contract as it can hold there."""


def is_sqlite(url: str | None) -> bool:
    """Tell whether a database URL is one of SQLite, with a driver's name or without."""
    return url is not None and url.strip().partition("://")[0].lower().partition("+")[0] == "sqlite"
