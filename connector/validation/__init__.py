"""Whether a body is what its operation and version ask for: strict JSON, then the schema."""
