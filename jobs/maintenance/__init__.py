"""The care of a home between two nights: small files, old versions, pictures and lines that nobody names any more."""
