"""Pages about one cover and those beside it: what looks alike, the feed around it, its record."""
