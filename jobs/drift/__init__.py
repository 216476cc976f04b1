"""Whether a night looks like the nights before it: its log, its segments, what it plans to paint."""
