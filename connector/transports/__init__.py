"""How an operation is named, keyed and refused over REST and over MCP."""
