"""The judge: a classifier of drawings that shares nothing with what is trained, and measures between pictures."""
