"""The pipeline: from bytes on Kafka to windows, findings and alerts. Start reading at `pipeline/flow`."""
