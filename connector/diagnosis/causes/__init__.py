"""The known mistakes: what happened, how it is recognised, how to mend it."""
