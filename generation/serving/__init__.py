"""The painter behind Triton, or in this process."""
