"""Explaining a decision, and running vector files."""
