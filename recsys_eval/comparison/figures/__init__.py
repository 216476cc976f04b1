"""What is measured of a comparison's pictures."""
