"""The version, in this one place; packaging reads it without importing the package."""

from typing import Final

VERSION: Final = "0.1.0"
