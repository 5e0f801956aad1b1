"""The home subscriber server: who a device is, which SCS may ask for it, and which nodes serve it."""
