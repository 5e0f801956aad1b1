"""XML dictionaries of Wireshark and of go-diameter, read with expat and without their DTD.

Entities that stand for text are refused, because they can be made to grow without bound; an entity that stands for a
file is read once, when it lies beside the file that names it (Wireshark's dictionary.xml consists of such files).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from xml.parsers import expat

from diameter.dictionary.abnf import RawRule
from diameter.dictionary.collected import Avp, Collected, Command
from diameter.dictionary.files import MAX_FILE, read_text
from diameter.errors import DictionaryError

MUST: Final = {"must": "M", "mustnot": "-", "shouldnot": "-", "may": "?"}


class XmlReader:
    """One XML dictionary: a handler per element, chosen by the root element's name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.collected = Collected(str(path), path.stem, arity=False)
        self.allowed: dict[str, str] = {}
        self.size = 0
        self.where: list[tuple[Path, Any]] = []
        self.elements: dict[str, Callable[[dict[str, str]], None]] = {}
        self.vendors: dict[str, int] = {}
        self.avp: Avp | None = None
        self.command: Command | None = None
        self.application: tuple[int, str] | None = None
        self.request = True
        self.vendor_words: list[tuple[Avp, str]] = []
        self._parse(path, None)
        self._resolve_vendors()

    def fault(self, expected: str, found: str) -> DictionaryError:
        path, parser = self.where[-1]
        return DictionaryError(f"{path}:{parser.CurrentLineNumber}: expected {expected}, found {found[:60]!r}")

    @property
    def line(self) -> int:
        return int(self.where[-1][1].CurrentLineNumber)

    def _parse(self, path: Path, parser: Any) -> None:
        parser = parser or expat.ParserCreate("UTF-8")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.EntityDeclHandler = self._entity
        parser.ExternalEntityRefHandler = self._include
        self.where.append((path, parser))
        text = read_text(path)
        self.size += len(text)
        if self.size > MAX_FILE:
            raise self.fault(f"at most {MAX_FILE} characters in all", path.name)
        try:
            parser.Parse(text.encode(), True)
        except expat.ExpatError as error:
            raise DictionaryError(
                f"{path}:{error.lineno}: expected XML, found {expat.ErrorString(error.code)}"
            ) from None
        self.where.pop()

    def _entity(
        self, name: str, parameter: int, value: str | None, base: str | None, system: str | None, *_: object
    ) -> None:
        if value is not None or parameter:
            raise self.fault("no entities but those for files", name)
        if system is None or "/" in system or "\\" in system or system.startswith("."):
            raise self.fault("an entity for a file beside this one", system or name)
        self.allowed[name] = system

    def _include(self, context: str, base: str | None, system: str | None, public: str | None) -> int:
        name = context.split("\f")[-1]
        if len(self.where) > 1 or self.allowed.pop(name, None) != system or system is None:
            raise self.fault("each entity used once, in the main file", name)
        self._parse(self.path.parent / system, self.where[-1][1].ExternalEntityParserCreate(context, "UTF-8"))
        return 1

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if not self.elements:
            tables = {"dictionary": self._wireshark, "diameter": self._go}
            if name not in tables:
                raise self.fault("<dictionary> of Wireshark or <diameter> of go-diameter", f"<{name}>")
            self.elements = tables[name]()
        if handler := self.elements.get(name):
            handler(attributes)

    def _end(self, name: str) -> None:
        if name == "avp":
            self.avp = None
        elif name == "command":
            self.command = None
        elif name == "application":
            self.application = None

    def _number(self, attributes: dict[str, str], key: str) -> int:
        text = attributes.get(key, "").strip()
        if not text.isascii() or not text.removeprefix("-").isdecimal() or len(text) > 11:
            raise self.fault(f"a number in {key}=", text)
        return int(text)

    def _text(self, attributes: dict[str, str], key: str) -> str:
        if key not in attributes:
            raise self.fault(f"{key}=", " ".join(sorted(attributes)))
        return attributes[key]

    # --- Wireshark: dictionary.xml and the files it includes

    def _wireshark(self) -> dict[str, Callable[[dict[str, str]], None]]:
        self.collected.types = {"IPAddress": "Address"}
        return {
            "vendor": self._vendor,
            "application": self._application,
            "command": self._ws_command,
            "typedefn": self._typedefn,
            "avp": self._ws_avp,
            "type": self._type,
            "grouped": lambda _: self._set_type("Grouped"),
            "gavp": lambda a: self._member(self._text(a, "name"), 0, None),
            "enum": self._item,
        }

    def _vendor(self, attributes: dict[str, str]) -> None:
        self.vendors[self._text(attributes, "vendor-id")] = self._number(attributes, "code")

    def _application(self, attributes: dict[str, str]) -> None:
        self.application = (self._number(attributes, "id"), attributes.get("name", ""))
        self.collected.application(*self.application, self.line)

    def _ws_command(self, attributes: dict[str, str]) -> None:
        command = Command(self._text(attributes, "name"), self._number(attributes, "code"), self.line)
        if self.application:
            self.collected.application(*self.application, self.line).commands.append(command)

    def _typedefn(self, attributes: dict[str, str]) -> None:
        name = self._text(attributes, "type-name")
        self.collected.types.setdefault(name, attributes.get("type-parent", "OctetString"))

    def _ws_avp(self, attributes: dict[str, str]) -> None:
        flag = MUST.get(attributes.get("mandatory", "may"), "?")
        self.avp = Avp(self._text(attributes, "name"), self._number(attributes, "code"), 0, self.line, flag=flag)
        self.collected.avps.append(self.avp)
        if "vendor-id" in attributes:
            self.vendor_words.append((self.avp, attributes["vendor-id"]))

    def _resolve_vendors(self) -> None:
        """Vendors may stand below the AVPs that name them."""
        vendors = {"None": 0, **self.vendors}
        for avp, word in self.vendor_words:
            if word not in vendors:
                found = f"{word!r} of {avp.name!r}"
                raise DictionaryError(f"{self.path}:{avp.line}: expected a vendor named in <vendor>, found {found}")
            avp.vendor = vendors[word]

    def _type(self, attributes: dict[str, str]) -> None:
        self._set_type(self._text(attributes, "type-name"))

    def _set_type(self, name: str) -> None:
        if self.avp:
            self.avp.type = name

    def _item(self, attributes: dict[str, str]) -> None:
        if self.avp:
            self.avp.values.append((self._number(attributes, "code"), self._text(attributes, "name")))

    def _member(self, name: str, least: int, most: int | None) -> None:
        rule: RawRule = (name, least, most, False, self.line)
        if self.avp:
            self.avp.members.append(rule)
        elif self.command:
            self.command.rules.setdefault(self.request, []).append(rule)

    # --- go-diameter: one <application> with its commands and AVPs

    def _go(self) -> dict[str, Callable[[dict[str, str]], None]]:
        self.collected.arity = True
        return {
            "application": self._application,
            "command": self._go_command,
            "request": lambda _: self._direction(True),
            "answer": lambda _: self._direction(False),
            "avp": self._go_avp,
            "data": lambda a: self._set_type(self._text(a, "type")),
            "item": self._item,
            "rule": self._go_rule,
        }

    def _direction(self, request: bool) -> None:
        self.request = request

    def _go_command(self, attributes: dict[str, str]) -> None:
        code = self._number(attributes, "code")
        self.command = Command(self._text(attributes, "name"), code, self.line, attributes.get("short", ""))
        if self.application:
            self.collected.application(*self.application, self.line).commands.append(self.command)

    def _go_avp(self, attributes: dict[str, str]) -> None:
        must, never = attributes.get("must", ""), attributes.get("must-not", "")
        flag = "M" if "M" in must else "-" if "M" in never else "?"
        vendor = self._number(attributes, "vendor-id") if attributes.get("vendor-id") else 0
        self.avp = Avp(self._text(attributes, "name"), self._number(attributes, "code"), vendor, self.line, flag=flag)
        self.collected.avps.append(self.avp)

    def _go_rule(self, attributes: dict[str, str]) -> None:
        least = max(self._number(attributes, "min"), 0) if "min" in attributes else 0
        most = self._number(attributes, "max") if "max" in attributes else None
        if attributes.get("required") == "true":
            least = max(least, 1)
        most = None if most is not None and most <= 0 else most
        self._member(self._text(attributes, "avp"), least, most if most is None else max(most, least))
