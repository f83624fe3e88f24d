"""Who may sign: profiles, key discovery, the registry of known platforms."""
