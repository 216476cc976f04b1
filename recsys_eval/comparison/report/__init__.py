"""A comparison as data, as pages and as a sheet."""
