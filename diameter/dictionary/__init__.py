"""Dictionaries: what the specifications say about AVPs, commands and applications, as data."""

from diameter.dictionary.load import Definitions
from diameter.dictionary.model import ApplicationDef, AvpDef, CommandDef, Grammar, Rule, Scope, key_of

__all__ = ["ApplicationDef", "AvpDef", "CommandDef", "Definitions", "Grammar", "Rule", "Scope", "key_of"]
