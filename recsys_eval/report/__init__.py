"""The lift report as one HTML page."""
