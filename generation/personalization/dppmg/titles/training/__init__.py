"""Training the writer of titles."""
