"""Revisions of the owners' database."""
