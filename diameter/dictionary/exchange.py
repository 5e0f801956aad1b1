"""Dictionaries of other programs to trees: Wireshark XML, go-diameter XML and freeDiameter JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from diameter.dictionary.abnf import RawRule
from diameter.dictionary.collected import Avp, Collected, Command
from diameter.dictionary.files import read_text
from diameter.dictionary.grammar import Tree
from diameter.dictionary.xmlread import XmlReader
from diameter.errors import DictionaryError


def read_foreign(path: Path) -> list[Tree]:
    """The trees of a foreign dictionary.  Raises DictionaryError for what is not one."""
    if path.suffix == ".json":
        return read_json(read_text(path), str(path), path.stem).trees()
    return XmlReader(path).collected.trees()


def read_json(text: str, path: str, stem: str) -> Collected:
    """A freeDiameter JSON dictionary (its extension dict_json): AVPs, Applications, Commands and their rules."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        raise DictionaryError(f"{path}:{line}: expected JSON, found {getattr(error, 'msg', error)}") from None
    return _Json(path, stem, document).collected


class _Json:
    """One JSON document; complaints name the place as `AVPs[3].Code`, because JSON has no lines once it is read."""

    def __init__(self, path: str, stem: str, document: object) -> None:
        self.collected = Collected(path, stem, arity=True)
        self.place = ""
        if not isinstance(document, dict):
            raise self.fault("an object with AVPs, Applications or Commands", document)
        for row in self._rows(document, "Types"):
            self.collected.types[self._text(row, "Name")] = self._text(row, "Base")
        groups = {
            (self._number(row, "Vendor", 0), self._text(row, "AVP")): self._content(row)
            for row in self._rows(document, "AVPRules")
        }
        for row in self._rows(document, "AVPs"):
            self._avp(row, groups)
        by_name: dict[str, int] = {}
        for row in self._rows(document, "Applications"):
            number, name = self._number(row, "Code"), self._text(row, "Name")
            by_name[name] = number
            self.collected.application(number, name, 1)
        rules = {self._text(row, "Command"): self._content(row) for row in self._rows(document, "CommandRules")}
        for row in self._rows(document, "Commands"):
            self._command(row, by_name, rules)

    def fault(self, expected: str, found: object) -> DictionaryError:
        return DictionaryError(f"{self.collected.path}:1: expected {expected} in {self.place}, found {found!r:.60}")

    def _rows(self, document: Mapping[str, Any], key: str) -> Iterable[Mapping[str, Any]]:
        rows = document.get(key, [])
        self.place = key
        if not isinstance(rows, list):
            raise self.fault("a list", rows)
        for index, row in enumerate(rows):
            self.place = f"{key}[{index}]"
            if not isinstance(row, dict):
                raise self.fault("an object", row)
            yield row

    def _text(self, row: Mapping[str, Any], key: str) -> str:
        value = row.get(key)
        if not isinstance(value, str):
            raise self.fault(f"a text as {key}", value)
        return value

    def _number(self, row: Mapping[str, Any], key: str, default: int | None = None) -> int:
        value = row.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.fault(f"a number as {key}", value)
        return value

    def _must(self, row: Mapping[str, Any]) -> tuple[str, str]:
        flags = row.get("Flags", {})
        if not isinstance(flags, dict):
            raise self.fault("an object as Flags", flags)
        return str(flags.get("Must", "")), str(flags.get("MustNot", ""))

    def _content(self, row: Mapping[str, Any]) -> list[RawRule]:
        rules: list[RawRule] = []
        place = self.place
        for item in self._rows(row, "Content"):
            self.place = f"{place}.{self.place}"
            least = max(self._number(item, "Min", 0), 0)
            most = item.get("Max", "unbounded")
            number = most if isinstance(most, int) and most >= 0 else None
            rules.append((self._text(item, "AVP"), least, number, item.get("First") is True, 1))
        self.place = place
        return [rule for rule in rules if rule[2] is None or rule[2] >= rule[1]]

    def _avp(self, row: Mapping[str, Any], groups: Mapping[tuple[int, str], list[RawRule]]) -> None:
        must, never = self._must(row)
        name, vendor = self._text(row, "Name"), self._number(row, "Vendor", 0)
        flag = "M" if "M" in must else "-" if "M" in never else "?"
        avp = Avp(name, self._number(row, "Code"), vendor, 1, self._text(row, "Type"), flag)
        for item in self._rows(row, "EnumValues"):
            code = item.get("Code")
            if isinstance(code, int):
                avp.values.append((code, self._text(item, "Name")))
        avp.members = groups.get((vendor, name), [])
        self.collected.avps.append(avp)

    def _command(self, row: Mapping[str, Any], by_name: Mapping[str, int], rules: Mapping[str, list[RawRule]]) -> None:
        name, code = self._text(row, "Name"), self._number(row, "Code")
        number = by_name.get(str(row.get("Application", "")))
        if number is None:
            return
        request = "R" in self._must(row)[0]
        root = name.removesuffix("-Request").removesuffix("-Answer")
        commands = self.collected.applications[number].commands
        command = next((one for one in commands if one.code == code), None)
        if command is None:
            command = Command(root, code, 1)
            commands.append(command)
        command.rules[request] = rules.get(name, [])
