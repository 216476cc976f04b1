"""Painting the plan: Spark tasks call the painter, candidates are scored, the best is kept."""
