"""The written policy: what may go out without a person."""
