"""The night for schedulers: each runs the stages as commands and goes by their exit codes."""
