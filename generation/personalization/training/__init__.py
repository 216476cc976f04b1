"""What trainings of several methods share: the built-in world as batches, rewards, a painter with gradients."""
