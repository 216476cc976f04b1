"""Intervals, lifts and figures."""
