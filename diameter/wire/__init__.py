"""Octets to header and raw AVPs, without a dictionary (RFC 6733 sections 3 and 4)."""
