"""Where a program writes its capture, as options and configuration say it."""

from pathlib import Path

import pytest

from diameter.capture import CaptureReader
from diameter.config import CaptureConfig
from diameter.errors import ConfigError
from helpers.messages import dictionary
from nfs.cli.run import command as run_command
from nfs.common.capturing import asked_for, open_capture, options_of


def test_options_become_a_configuration_and_options_again(tmp_path: Path) -> None:
    given = {"capture": tmp_path / "x.pcapng", "capture_size": 100_000, "capture_files": 3, "capture_filter": "app=Tsp"}
    config = asked_for(given)
    assert config == CaptureConfig(file=tmp_path / "x.pcapng", size_limit=100_000, files=3, filter="app=Tsp")
    words = options_of(config)
    with run_command.make_context("run", ["hss", "-c", "hss.toml", *words]) as context:
        assert asked_for(context.params) == config


def test_nothing_asked_for() -> None:
    assert asked_for({"capture": None, "capture_size": None}) is None
    assert open_capture(None, dictionary()) is None


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"capture": None, "capture_size": 100_000}, "say how --capture is written"),
        ({"capture": Path("no/such/x.pcapng")}, "its folder does not exist"),
        ({"capture": Path("x.pcapng"), "capture_size": 100}, "less than 65,536"),
    ],
)
def test_options_that_cannot_be(given: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        asked_for(given)


def test_each_worker_has_a_file_of_its_own(tmp_path: Path) -> None:
    config = CaptureConfig(file=tmp_path / "x.pcapng", size_limit=100_000)
    tap = open_capture(config, dictionary(), worker=2)
    assert tap is not None
    tap.close()
    assert list(CaptureReader(tmp_path / "x-2.pcapng")) == []


def test_a_filter_that_cannot_be_is_a_mistake_in_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"node\.capture: capture filter: no command 'NOPE'"):
        open_capture(CaptureConfig(file=tmp_path / "x.pcapng", filter="command=NOPE"), dictionary())
    assert list(tmp_path.iterdir()) == []
