"""Who decides what may be published."""
