"""What a worker tells its parent for the operator's port."""

from __future__ import annotations

import time

from diameter.admin import OfNode
from diameter.admin.pages import PAGES
from diameter.errors import ConfigError
from diameter.workers.gather import Page


class Told:
    """The pages of one worker: those of its node, its counters, and the switching of fault rules."""

    def __init__(self, node: OfNode) -> None:
        self._node = node

    def __call__(self, what: str) -> Page:
        """A page by name; nothing for a name that is none."""
        action, _, name = what.partition(":")
        if action in ("enable", "disable"):
            return self._switch(name, action == "enable")
        if what == "figures":
            return {**self._node.figures(), "cpu_s": time.process_time()}
        return self._node.page(what) if what in PAGES else {}

    def _switch(self, name: str, enabled: bool) -> Page:
        try:
            return {"found": self._node.switch(name, enabled), "error": ""}
        except ConfigError as error:
            return {"found": True, "error": str(error)}
