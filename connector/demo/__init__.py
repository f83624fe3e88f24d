"""A sample merchant, a sample platform, and the story they tell."""
