"""Routing, RFC 6733 section 6, without I/O: identifiers, pending requests, the peer and realm tables, local answers."""
