"""The cases, one module per file of ``vectors/``."""
