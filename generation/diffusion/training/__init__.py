"""Training of the built-in generator; nothing that is served imports it."""
