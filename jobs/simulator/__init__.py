"""The built-in stickers world: real drawings, simulated users."""
