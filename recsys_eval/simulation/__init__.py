"""What only the built-in world can tell: true click probabilities, true drawings."""
