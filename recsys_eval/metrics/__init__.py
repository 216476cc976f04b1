"""Metrics of rankings and of click probabilities, each variant pinned by name."""
