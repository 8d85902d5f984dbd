"""Where it lands: ClickHouse, topics, memory. A sink takes one of the five things and nothing goes back upstream."""
