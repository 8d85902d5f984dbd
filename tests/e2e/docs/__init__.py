"""The pages' own commands and SQL, run."""
