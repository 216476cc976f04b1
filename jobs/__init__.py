"""The night: the command, the stages in order, and the jobs that need Spark."""
