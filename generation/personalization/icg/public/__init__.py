"""ICG over public checkpoints: any MLLM, any diffusion pipeline."""
