"""Rankers with and without the generated covers."""
