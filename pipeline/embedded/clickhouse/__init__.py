"""ClickHouse's HTTP interface over one chDB engine in a process of its own.

Promises what unmodified clients need: streaming, sessions, settings, parameters, compression, errors with ClickHouse's
codes, logins, limits. Does not promise more than one node, the native TCP protocol, or users made by SQL.
"""
