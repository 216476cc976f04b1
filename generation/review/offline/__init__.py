"""Reviewing without a network: one HTML file out, decisions back."""
