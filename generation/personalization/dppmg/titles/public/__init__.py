"""Titles by any public causal language model, which is told words codes by tokens of their own."""
