"""What the tables of the lake hold, and which stage fills them."""
