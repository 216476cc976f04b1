"""What is agreed before anything runs: typed settings and the profiles."""
