"""Pigeon: what a user likes, out of a noisy history."""
