"""Migrations of the desk's tables, run when the database is opened."""
