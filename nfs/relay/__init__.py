"""A Diameter agent as a program: relay, proxy with rewrite rules, redirect agent."""
