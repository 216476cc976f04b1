"""Night after night in the built-in world: what covers learned from the clicks on covers are worth (simulated)."""
