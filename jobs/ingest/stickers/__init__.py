"""The built-in stickers world: real pictures, simulated users."""
