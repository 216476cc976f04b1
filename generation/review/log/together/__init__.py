"""Sharing the work: whose a cover is, how long it waits, and what is told outside."""
