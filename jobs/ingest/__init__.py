"""From input files to the lake: the contract of the input, its checks, and the built-in world."""
