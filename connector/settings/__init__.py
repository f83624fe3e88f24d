"""Configuration: the schema, the units, and how a file becomes settings."""
