"""What makes one painted cover better than another."""
