"""Covers that look alike, of any item: found for one cover, and stacked in the queue."""
