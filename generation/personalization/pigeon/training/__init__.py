"""Training of Pigeon: what somebody likes, then how to paint it, then which of its own pictures to prefer."""
