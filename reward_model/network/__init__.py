"""The click model as a network and the features that it reads."""
