"""The lake: Delta tables, written by Spark and read by Spark or Arrow."""
