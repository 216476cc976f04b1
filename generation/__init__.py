"""Covers: from behaviour to pictures that may be published."""
