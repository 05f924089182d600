"""Reading a database's catalog into records, and keeping the records in a file."""
