"""What codes do to a picture: tables in front of a painter, and how they are trained."""
