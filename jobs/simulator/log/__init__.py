"""The simulated log: who was shown what, and what they clicked."""
