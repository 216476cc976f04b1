"""Pictures and titles to vectors: one aligned space and a style space."""
