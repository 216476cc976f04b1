"""What counts are turned into: smoothed rates, position bias, preferences."""
