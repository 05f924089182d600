"""Run migrations on a throwaway database: replayed, step by step, tried, or by the project's own command."""
