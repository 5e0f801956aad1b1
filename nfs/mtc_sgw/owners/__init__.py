"""The owners of devices: what they want, and the refusals kept for them."""
