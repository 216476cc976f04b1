"""Whether the statistics keep what they promise, where the truth is known."""
