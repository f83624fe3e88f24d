"""What a flood of profiles that nobody knows does to platforms that are known."""
