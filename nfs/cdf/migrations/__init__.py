"""Migrations of the database of a CDF."""
