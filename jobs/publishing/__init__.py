"""What the feed may show: publishing what was approved, and taking it down."""
