"""The live view in the terminal: what is read (`read`), how it looks (`render`), the loop (`live`)."""
