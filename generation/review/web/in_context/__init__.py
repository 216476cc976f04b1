"""A cover where it is seen: among its neighbours, what it was clicked, and which rule of the policy spoke."""
