"""The process: listeners, signals, start and drain."""
