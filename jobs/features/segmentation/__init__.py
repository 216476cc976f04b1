"""Groups of users by what they like."""
