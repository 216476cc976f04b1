"""A panel that looks at painted covers: judges of different kinds that no generator was trained against."""
