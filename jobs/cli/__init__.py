"""The command ``coverlift``."""
