"""The embedded server, the clients of every kind of store, the script runner, the breaker."""
