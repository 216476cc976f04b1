"""What makes the log evidence: its key, its chains of hashes, and what they cover."""
