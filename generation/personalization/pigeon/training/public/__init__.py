"""Training a Pigeon over public checkpoints."""
