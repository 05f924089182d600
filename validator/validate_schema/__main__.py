"""`python -m validate_schema`."""

from .cli import main

if __name__ == "__main__":
    main()
