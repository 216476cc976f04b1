"""Handing a finished night to other systems; they are told what it was, and nothing of it depends on them."""
