"""Pigeon over public checkpoints: pictures of clicked covers, masked in the prompt of a multimodal model."""
