"""DPPMG's pictures over public checkpoints: codes beside the prompt of any diffusion pipeline."""
