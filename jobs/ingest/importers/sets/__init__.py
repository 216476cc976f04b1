"""The public data sets, one module each: which files of which release, and what its rows mean."""
