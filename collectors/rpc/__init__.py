"""The front of every collector that is called over gRPC: its connections, and its health."""
