"""Our keys, and what the connector publishes in the merchant's name."""
