"""The ``profile`` method over a pipeline of ``diffusers`` as it comes: nothing is trained."""
