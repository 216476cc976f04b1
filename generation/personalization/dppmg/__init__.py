"""DPPMG: what somebody likes in pictures and in words as a few codes, which drive what is painted and written."""
