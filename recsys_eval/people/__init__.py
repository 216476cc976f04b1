"""Single users: what they were shown and clicked, noise in it, and ways to tell what they like."""
