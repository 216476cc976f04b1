"""All that is known about one cover, to be handed out: as CSV and as PDF."""
