"""Revisions of the SMS-SC's database."""
