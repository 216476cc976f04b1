"""Behaviour features: users, items, positions and segments, point in time."""
