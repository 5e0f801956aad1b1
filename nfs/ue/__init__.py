"""Simulated UEs: they take short messages, route triggers by port and acknowledge; no Diameter."""
