"""Tsms: external short message entities over SMPP 3.4, which submit messages and get receipts for them."""
