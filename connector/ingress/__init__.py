"""The strict HTTP front: what two parsers could read differently ends here."""
