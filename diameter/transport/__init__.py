"""Links that carry octets and know no Diameter: TCP and TLS/TCP on Twisted (RFC 6733 sections 2.1 and 2.2)."""
