"""Configurations: any text gives a model or a ConfigError whose every line names the file."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from helpers.fuzz import drive, instrumented

with instrumented(__name__):
    from diameter.config import FunctionConfig, NodeConfig, parse
    from diameter.errors import ConfigError
    from nfs.cli.config import models
    from nfs.mme.scenario.model import Scenario


@cache
def known() -> dict[str, type[FunctionConfig]]:
    return models()


def oracle(data: bytes) -> None:
    """The octets as TOML for the network function whose name stands in it, for a scenario, else for a node alone."""
    text = data.decode("utf-8", "replace")
    models = [known()[name] for name in known() if name in text]
    model = Scenario if "[population" in text or "[event" in text else models[0] if models else NodeConfig
    try:
        config = parse(text, model, source="fuzz.toml", base=Path(__file__).parent)
    except ConfigError as error:
        complaints = error.lines
    else:
        repr(config)
        if isinstance(config, Scenario):
            assert all(each.spread.draw(0.5) >= 0 for each in config.event)
            return
        if isinstance(config, FunctionConfig):
            config = config.node_config
        assert isinstance(config, NodeConfig)
        assert all(config.peer_named(peer.host) is not None for peer in config.peer)
        return
    assert complaints
    assert all(line.startswith("fuzz.toml: ") for line in complaints)


if __name__ == "__main__":
    drive(oracle)
