"""The ``icg`` method: meta tokens, refined by a user or a segment, condition any diffusion model."""
