"""The one guarded way out to a stranger's URL: resolve, check, pin, bound."""
