"""Clean shapes: what happens to a painted cover before it is stored."""
