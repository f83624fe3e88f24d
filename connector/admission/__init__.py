"""At most once, and not too often: claims and limits as pure tables and arithmetic; their Lua."""
