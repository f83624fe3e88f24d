"""Decision lines and metrics, collected without blocking the loop."""
