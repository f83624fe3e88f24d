"""The gateway: it verifies signed UCP requests before a byte reaches the merchant."""
