"""The OTLP receiver: gRPC and HTTP in, Kafka out. See README.md beside this file."""
