"""Titles written for groups of readers: language x words code."""
