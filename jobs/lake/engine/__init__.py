"""The Spark session of a process, and Delta's classes for it."""
