"""The capture of a program: opened as its configuration or its options say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from diameter import Dictionary
from diameter.capture.choice import Choice
from diameter.capture.ring import Ring
from diameter.capture.write import CaptureWriter
from diameter.config import CaptureConfig, validate
from diameter.errors import ConfigError, LocalError


def asked_for(given: dict[str, Any]) -> CaptureConfig | None:
    """What the options --capture, --capture-size, --capture-files and --capture-filter say.  Raises ConfigError."""
    names = {"size_limit": "capture_size", "files": "capture_files", "filter": "capture_filter"}
    table = {key: given[name] for key, name in names.items() if given.get(name) is not None}
    if given.get("capture") is None:
        if table:
            raise ConfigError("--capture-size, --capture-files and --capture-filter say how --capture is written")
        return None
    return validate({"file": given["capture"], **table}, CaptureConfig, source="--capture", base=Path())


def options_of(config: CaptureConfig) -> list[str]:
    """The words of a command line that say so again."""
    words = ["--capture", str(config.file.absolute()), "--capture-size", str(config.size_limit)]
    return [*words, "--capture-files", str(config.files), "--capture-filter", config.filter]


def open_capture(
    config: CaptureConfig | None,
    dictionary: Dictionary,
    *,
    complain: Callable[[str], None] | None = None,
    worker: int | None = None,
) -> CaptureWriter | None:
    """The tap for a node.  `worker`: which of several processes of one node this is; each has a file of its own.

    Raises ConfigError.
    """
    if config is None:
        return None
    path = config.file if worker is None else config.file.with_stem(f"{config.file.stem}-{worker}")
    try:
        choice = Choice(config.filter, dictionary) if config.filter.strip() else None
        ring = Ring(config.size_limit, config.files) if config.size_limit else None
        return CaptureWriter(path, complain=complain, ring=ring, choice=choice)
    except LocalError as error:
        raise ConfigError(f"node.capture: {error}") from None
