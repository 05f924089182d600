"""What the statements of migrations create, read without running them."""
