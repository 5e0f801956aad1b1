"""What the network functions share."""
