"""The audit log by itself: what a record costs, and how fast a log is verified."""
