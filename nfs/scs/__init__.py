"""Services Capability Server: asks the MTC-IWF for device triggers on Tsp and hands each report to its caller once."""
