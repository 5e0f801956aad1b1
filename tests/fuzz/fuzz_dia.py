"""Dictionary files: any text gives definitions or a DictionaryError; definitions written as `.dia` say the same."""

from __future__ import annotations

from helpers.fuzz import drive, instrumented

with instrumented(__name__):
    from diameter.dictionary.grammar import parse
    from diameter.dictionary.load import Definitions
    from diameter.dictionary.write import dia_text, wireshark_xml
    from diameter.errors import DictionaryError


def oracle(data: bytes) -> None:
    """The octets as the text of one file beside the project's own base dictionary."""
    text = data.decode("utf-8", "replace")
    try:
        tree = parse(text, "fuzz", "fuzz.dia")
        if len(tree.inherits) > 3:
            return  # nothing new, and each costs a file
        definitions = Definitions.from_text(fuzz=text)
    except DictionaryError:
        return
    use(definitions)
    written = dia_text(definitions, "fuzz")
    again = Definitions.from_text(fuzz=written)
    assert dia_text(again, "fuzz") == written


def use(definitions: Definitions) -> None:
    """Look everything up."""
    for application in definitions.applications:
        scope = definitions.scope(application)
        assert set(scope.names.values()) <= set(scope.avps.values())
        assert all(one.key == key for key, one in scope.avps.items())
        for command in scope.commands.values():
            assert command in (*definitions.commands_named(command.name), command)
            assert all(rule.key in scope.avps for rule in command.grammar.rules)
    assert wireshark_xml(definitions).startswith("<?xml")


if __name__ == "__main__":
    drive(oracle)
