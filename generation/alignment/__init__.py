"""Tuning a generator with rewards instead of labels."""
