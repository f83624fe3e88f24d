"""Signature candidates, coverage and freshness, up to a proven Caller."""
