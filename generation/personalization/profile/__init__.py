"""The profile method: a segment's mean preference."""
