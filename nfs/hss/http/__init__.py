"""Provisioning of the HSS by HTTP: subscribers, their keys, and groups."""
