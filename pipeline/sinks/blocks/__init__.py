"""Rows in ClickHouse's Native form, one block a table. Pure: knows no connection."""
