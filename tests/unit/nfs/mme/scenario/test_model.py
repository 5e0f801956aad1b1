"""Scenario files: what they may say, and every wrong key by its path."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from diameter.config import parse
from diameter.errors import ConfigError
from nfs.mme.config import MmeConfig
from nfs.mme.playing import populations_of, scenario_of
from nfs.mme.scenario import model
from nfs.mme.scenario.chance import unit
from nfs.mme.scenario.model import Scenario, Spread, order
from nfs.ue.logic import Behaviour

WHOLE = """
schema = 1
seed = 7
[[population]]
name = "meters"
first_imsi = "001010000000001"
count = 10
attach = { uniform = [0, 60] }
tacs = [1, 2]
[population.power]
mode = "psm"
cycle_s = 600
awake_s = 10
[[population]]
name = "cars"
first_imsi = "001010000000011"
[[event]]
do = "memory-full"
at_s = 10
share = 0.5
population = "meters"
for_s = 60
[[event]]
do = "send"
on = "attached"
spread = 5
to = "+15550000100"
payload = "up"
[[event]]
do = "move"
at_s = 1
mme = "other.example"
tac = 3
"""


def scenario(text: str) -> Scenario:
    return parse(text, Scenario, source="s.toml", base=Path())


def test_a_whole_file() -> None:
    found = scenario(WHOLE)
    assert [each.name for each in found.population] == ["meters", "cars"]
    assert found.event[1].spread == Spread(fixed=5.0)
    assert found.event[1].to == "15550000100"


def test_every_wrong_key_at_once() -> None:
    bad = WHOLE.replace('do = "move"', 'do = "run"').replace("share = 0.5", "share = 2").replace("seed", "sead")
    bad = (
        bad.replace("awake_s = 10", "awake_s = 900")
        .replace("[0, 60]", "[60, 0]")
        .replace("\non =", "\nevery_s = 1\non =")
    )
    with pytest.raises(ConfigError) as caught:
        scenario(bad)
    places = [line.split(": ")[1] for line in caught.value.lines]
    assert sorted(places) == [
        "event.0.share",
        "event.1.every_s",
        "event.2.do",
        "population.0.attach",
        "population.0.power",
        "sead",
    ]


@pytest.mark.parametrize(
    ("event", "place"),
    [
        ('do = "tau"', "at_s"),
        ('do = "tau"\nat_s = 1\non = "missed"', "on"),
        ('do = "tau"\nat_s = 1\ntimes = 2', "times"),
        ('do = "tau"\nat_s = 1\nfor_s = 2', "for_s"),
        ('do = "normal"\nat_s = 1\nfor_s = 2', "for_s"),
        ('do = "move"\nat_s = 1', "mme"),
        ('do = "busy"\nat_s = 1\ntac = 2', "tac"),
        ('do = "send"\nat_s = 1', "to"),
        ('do = "busy"\nat_s = 1\npopulation = "x"', "population"),
    ],
)
def test_events_that_cannot_be(event: str, place: str) -> None:
    with pytest.raises(ConfigError, match=f"event.0.{place}: "):
        scenario(f"schema = 1\n[[event]]\n{event}")


def test_populations_that_cannot_be() -> None:
    table = '[[population]]\nname = "a"\nfirst_imsi = "999998"\ncount = 2\n'
    other = '[[population]]\nname = "a"\nfirst_imsi = "999997"\ncount = 2\n'
    with pytest.raises(ConfigError) as caught:
        scenario(f"schema = 1\n{table}{other}")
    assert [line.split(": ")[1] for line in caught.value.lines] == ["population.1.name", "population.1.first_imsi"]
    with pytest.raises(ConfigError, match="leave the length"):
        scenario("schema = 1\n" + table.replace("count = 2", "count = 3"))
    with pytest.raises(ConfigError, match="schema"):
        scenario("")


@pytest.mark.parametrize(
    ("spread", "half"),
    [
        (Spread(fixed=3.0), 3.0),
        (Spread(uniform=(2.0, 4.0)), 3.0),
        (Spread(exponential=10.0), 6.931),
        (Spread(normal=(5.0, 1.0)), 5.0),
    ],
)
def test_spreads(spread: Spread, half: float) -> None:
    assert spread.draw(0.5) == pytest.approx(half, abs=0.001)
    assert all(spread.draw(chance) >= 0 for chance in (0.0, 0.999999))


@pytest.mark.parametrize("text", ["-1", "true", "{}", "{ fixed = 1, exponential = 2 }", "{ normal = [1, 0] }"])
def test_spreads_that_are_none(text: str) -> None:
    with pytest.raises(ConfigError, match="population.0.attach"):
        scenario(f'schema = 1\n[[population]]\nname = "a"\nfirst_imsi = "001010"\nattach = {text}')


def test_chance_is_even_and_always_the_same() -> None:
    drawn = [unit(7, 0, n) for n in range(10_000)]
    assert drawn == [unit(7, 0, n) for n in range(10_000)]
    assert all(0 <= each < 1 for each in drawn)
    assert sum(drawn) / 10_000 == pytest.approx(0.5, abs=0.02)
    assert drawn[:5] != [unit(8, 0, n) for n in range(5)]


def test_words_for_behaviours_are_those_of_the_ue() -> None:
    words = set(get_args(model.Do)) - model.PROCEDURES
    assert words == {each.value for each in Behaviour} - {"asleep", "unknown"}


def test_orders_from_outside() -> None:
    made = order({"do": "busy", "population": "cars"}, scenario(WHOLE))
    assert (made.do, made.at_s, made.population) == ("busy", 0.0, "cars")
    assert order({"do": "busy", "on": "delivered", "at_s": None}, scenario(WHOLE)).on == "delivered"
    forms: list[object] = [[], {"do": "x"}, {"do": "busy", "population": "y"}, {"x": 1}]
    for form in forms:
        with pytest.raises(ConfigError, match="order: event.0"):
            order(form, scenario(WHOLE))


def test_what_the_file_of_the_mme_lacks(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(WHOLE)
    node = '[node]\norigin_host = "mme.example"\norigin_realm = "example"\n[mme]\nscenario = "s.toml"\n'
    config = parse(node, MmeConfig, source="mme.toml", base=tmp_path)
    with pytest.raises(ConfigError) as caught:
        scenario_of(config)
    places = [line.split(": ")[1] for line in caught.value.lines]
    assert places == ["population.0.attach", "event.2.do", "event.1.do"]
    (tmp_path / "s.toml").write_text('schema = 1\n[[population]]\nname = "a"\nfirst_imsi = "001010"\ncount = 2')
    (group,) = populations_of(scenario_of(config))
    assert list(group.imsis()) == ["001010", "001011"]
