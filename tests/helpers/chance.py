"""Chance that is the same on every machine and in every order: a test draws what its name says, and nothing else.

`random` is seeded by the name of the test everywhere; in the tests that start no program (`IN_MEMORY`) so is what
`secrets`, `SystemRandom` and `os.urandom` give.  Modules and fixtures that several tests share draw by names of their
own.  What OpenSSL draws (keys, signatures) stays true chance, as does all that real programs do.

`MTC_CHANCE`: another number, other chance: other identifiers, another order, other examples of hypothesis.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Generator
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, register_random, settings
from hypothesis.internal.conjecture import providers

CHANCE: Final = int(os.environ.get("MTC_CHANCE", "0"))
EXAMPLES: Final = int(os.environ.get("MTC_EXAMPLES", "30"))
"""Of each property; the part `unit` of `make test` says 100, and fuzzing has millions of each reader's."""
IN_MEMORY: Final = ("tests/unit/", "tests/whole/", "tests/test_")

_source: Final = random.Random()
_truly: Final = os.urandom

settings.register_profile(
    "suite",
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=CHANCE == 0,
    database=None,
)
settings.load_profile("suite")
register_random(_source)
vars(providers)["is_local_module_file"] = lambda path: False  # or examples hold numbers of what was imported before


def _by_name(size: int) -> bytes:
    return _source.randbytes(size)


def _draw_from(octets: Callable[[int], bytes]) -> None:
    vars(os)["urandom"] = vars(random)["_urandom"] = octets


def _seed(name: str) -> None:
    random.seed(f"{CHANCE} {name}")
    _source.seed(f"{CHANCE} {name} octets")


def _begin(name: str) -> None:
    _draw_from(_by_name if name.startswith(IN_MEMORY) else _truly)
    _seed(name)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Make the order of the tests, and the examples that hypothesis tries, a matter of `MTC_CHANCE` alone."""
    if getattr(config.option, "randomly_seed", None) == "default":
        config.option.randomly_seed = CHANCE
    config.option.randomly_reset_seed = False
    if CHANCE and getattr(config.option, "hypothesis_seed", "") is None:
        config.option.hypothesis_seed = CHANCE


@pytest.hookimpl(tryfirst=True)
def pytest_make_collect_report(collector: pytest.Collector) -> None:
    """Seed what a module draws when it is read."""
    if isinstance(collector, pytest.Module):
        _begin(collector.nodeid)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Seed what the fixtures of a test draw."""
    _begin(item.nodeid)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Seed what a test draws, however much its fixtures drew."""
    _seed(f"{item.nodeid} itself")


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Seed what a fixture of several tests draws, whichever of them comes first."""
    if fixturedef.scope == "function":
        return (yield)
    before = random.getstate(), _source.getstate()
    _seed(f"{request.node.nodeid}::{fixturedef.argname} {getattr(request, 'param_index', 0)}")
    try:
        return (yield)
    finally:
        random.setstate(before[0])
        _source.setstate(before[1])
