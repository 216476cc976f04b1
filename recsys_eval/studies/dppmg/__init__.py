"""Studies of what DPPMG tells: codes, preferences, titles, and whether words find pictures."""
