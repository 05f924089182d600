"""What a check sees: the catalog with its tenancy, its subjects, and what scopes and ties them."""
