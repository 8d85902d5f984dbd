"""A small supervisor: starts processes in order, waits until they are ready, restarts what dies, stops in reverse."""
