"""Real drawings of open emoji families, packed: the pictures that everything built-in is trained and tried on."""
