"""The front of every collector that is sent to over HTTP: connections, keys, limits, content encodings, refusals."""
