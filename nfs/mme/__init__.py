"""Simulated MME: takes MT short messages on SGd and hands them to the UEs of its configuration."""
