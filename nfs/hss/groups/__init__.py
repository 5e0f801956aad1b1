"""Groups of devices at the HSS: who belongs to one, which SCS may message it, and how both come into the database."""
