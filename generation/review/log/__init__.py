"""What was decided at the desk: an append-only chain of entries and the state that follows from it."""
