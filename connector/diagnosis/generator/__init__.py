"""Makes the conformance vectors: cases as data, signed with fixed test keys, byte for byte."""
