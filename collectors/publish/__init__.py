"""Where collectors put records: one contract (`base`), Kafka (`kafka`) and an in-memory twin (`memory`)."""
