"""From behaviour to conditioning, one folder a method."""
