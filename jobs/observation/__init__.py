"""What others are told of a night while it runs: attempts, lineage, metrics; none of it decides anything."""
