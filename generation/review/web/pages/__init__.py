"""The desk's pages, one module a page with its routes."""
