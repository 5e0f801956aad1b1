"""Revisions of the SCS's database."""
