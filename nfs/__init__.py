"""Network functions for machine-type communication, built on `diameter`."""
