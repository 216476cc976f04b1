"""The reviewers' desk in a browser."""
