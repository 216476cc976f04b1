"""Rewards of looks alone: pixels, without a network or a user."""
