"""The charging data function of a lab: takes accounting requests, and keeps each record once."""
