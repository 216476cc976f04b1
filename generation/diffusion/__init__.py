"""The built-in image generator: a few-step diffusion bridge from the original cover to a painted one."""
