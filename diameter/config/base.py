"""What the tables of a configuration are made of: the kinds of their values, and what every table obeys.

Paths are checked while a file is loaded and count from its folder; units stand in the names of keys.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo

from diameter.config.load import BASE


def _identity(text: str) -> str:
    """Accept a DiameterIdentity, an FQDN without wildcard (RFC 6733 section 4.3.1); drop one trailing dot."""
    name = text[:-1] if text.endswith(".") else text
    labels = name.split(".")
    if len(name) > 255 or not name.isascii() or not all(_label(label) for label in labels):
        raise ValueError("not a DiameterIdentity (a host or realm name such as iwf.example.org, no wildcard)")
    return name


def _label(label: str) -> bool:
    return 0 < len(label) <= 63 and label[0] != "-" != label[-1] and label.replace("-", "").replace("_", "").isalnum()


def realm_pattern(text: str) -> str:
    """Accept a realm, "*." and a realm for everything below it, or "*" for all; in lower case."""
    if text == "*":
        return text
    return ("*." if text.startswith("*.") else "") + _identity(text.removeprefix("*.")).lower()


def loading_from(info: ValidationInfo) -> Path | None:
    """The folder of the configuration file that is being loaded; None while a table is made by itself."""
    base: Path | None = (info.context or {}).get(BASE)
    return base


def _placed(path: Path, info: ValidationInfo) -> tuple[Path, bool]:
    """Return the path as seen from the configuration file, and whether a file is being loaded at all."""
    base = loading_from(info)
    if base is None:
        return path, False
    try:
        return base / path.expanduser(), True
    except RuntimeError:
        raise ValueError(f"cannot tell whose home {path.parts[0]} is") from None


def readable(path: Path, info: ValidationInfo) -> Path:
    """Check, while a file is loaded, that this one exists and can be read; its content is the owner's business."""
    placed, loading = _placed(path, info)
    if loading:
        try:
            with placed.open("rb"):
                pass
        except OSError as error:
            raise ValueError(f"cannot read {placed}: {error.strerror}") from None
    return placed


def _writable(path: Path, info: ValidationInfo) -> Path:
    """Check, while a file is loaded, that the folder of a file to be written exists."""
    placed, loading = _placed(path, info)
    try:
        there = not loading or placed.parent.is_dir()
    except OSError as error:
        raise ValueError(f"cannot write {placed}: {error.strerror}") from None
    if not there:
        raise ValueError(f"cannot write {placed}: its folder does not exist")
    return placed


def one_line(text: str) -> str:
    return " ".join(text.split())


Identity = Annotated[str, AfterValidator(_identity)]
InputFile = Annotated[Path, Field(strict=False), AfterValidator(readable)]
OutputFile = Annotated[Path, Field(strict=False), AfterValidator(_writable)]
Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=86400)]
Octets = Annotated[int, Field(ge=4096, le=2**30)]


class Table(BaseModel):
    """What every table of a configuration obeys: frozen, strict, no unknown key, values never shown in errors."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)
