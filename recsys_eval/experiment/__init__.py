"""The next day: A/B figures and off-policy estimates."""
