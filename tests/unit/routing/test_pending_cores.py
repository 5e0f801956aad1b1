"""The hop-by-hop table and `Later` in Python, in typed Python, and compiled: the same for whatever is done to them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.errors import LocalError
from diameter.routing import _core_later, _core_pending, _typed_later, _typed_pending, later, pending
from diameter.wire import core


def _with_compiled(typed: Any, compiled: str) -> list[Any]:
    try:
        return [typed, importlib.import_module(compiled)]
    except ImportError:
        return [typed]


TABLES: Final = _with_compiled(_typed_pending, "diameter.routing._ccore_pending")
LATERS: Final = [_core_later, *_with_compiled(_typed_later, "diameter.routing._ccore_later")]
HOPS: Final = st.sampled_from((0, 1, 2, 3, 2**32 - 1))
TIMES: Final = st.sampled_from((0.0, 0.1, 0.25, 3.0, 1_700_000_000.0))
STEPS: Final = st.lists(
    st.one_of(
        st.tuples(st.just("add"), HOPS, st.sampled_from((7, 8)), st.sampled_from((1, 2)), TIMES, TIMES),
        st.tuples(st.just("take"), HOPS, st.sampled_from((7, 8)), st.sampled_from((1, 2, 9))),
        st.tuples(st.just("remove"), HOPS),
        st.tuples(st.just("on_link"), st.sampled_from((1, 2))),
        st.tuples(st.just("earlier"), HOPS),
        st.tuples(st.just("expire"), TIMES),
        st.tuples(st.just("take_all"), st.booleans()),
    ),
    max_size=40,
)


def test_what_serves_is_what_the_core_is() -> None:
    compiled = core.NAME == "compiled"
    assert pending.PendingTable is (TABLES[-1] if compiled else _core_pending).PendingTable
    assert later.Later is (LATERS[-1] if compiled else LATERS[0]).Later


def _facts(one: Any) -> tuple[Any, ...]:
    return tuple(getattr(one, name) for name in _core_pending.Pending.__slots__)


def _done(module: Any, steps: list[tuple[Any, ...]]) -> list[Any]:
    """What can be seen of a table while this is done to it."""
    table = module.PendingTable()
    seen: list[Any] = []
    for what, *rest in steps:
        if what == "add":
            hop, end, link, now, timeout_s = rest
            if hop not in table:
                one = module.Pending(hop, end, link, "a.example.org", b"octets", (1, None, "example.org"), "waiter")
                table.add(one, now, timeout_s)
                seen.append(round(table.left_s(one, now), 6))
        elif what == "take":
            found = table.take(*rest)
            seen.append(None if found is None else _facts(found))
        elif what == "remove" and (found := table.get(*rest)) is not None:
            table.remove(found)
        elif what == "earlier" and (found := table.get(*rest)) is not None:
            found.earlier = (*found.earlier, 9)
            found.counted = found.transmissions = 1
        elif what in ("on_link", "expire"):
            seen.append([_facts(found) for found in getattr(table, what)(*rest)])
        elif what == "take_all":
            found = table.take_all(lambda one: one.link == 1) if rest[0] else table.take_all()
            seen.append([_facts(one) for one in found])
        seen.append((len(table), 3 in table, table.deadline(), [_facts(found) for found in table]))
    return seen


@given(STEPS)
def test_the_tables_agree(steps: list[tuple[Any, ...]]) -> None:
    expected = _done(_core_pending, steps)
    for module in TABLES:
        assert _done(module, steps) == expected


@pytest.mark.parametrize("module", [_core_pending, *TABLES])
def test_a_table_refuses_to_forget_what_it_does_not_know(module: Any) -> None:
    one = module.Pending(1, 2, 3, "a", b"", (1, None, "b"), None)
    with pytest.raises(KeyError):
        module.PendingTable().remove(one)
    with pytest.raises(AttributeError):
        one.unknown = 1
    assert module.Pending[int] is not None
    assert module.PendingTable[int] is not None


def _story(module: Any, acts: list[str]) -> list[Any]:
    """What is seen of a Later while this is done to it."""
    one = module.Later()
    seen: list[Any] = []

    async def wait() -> None:
        try:
            seen.append(("awaited", await one))
        except (LocalError, KeyError) as error:
            seen.append(("raised", str(error)))

    def woken(number: int) -> Callable[[], None]:
        return lambda: seen.append(("woken", number))

    for number, act in enumerate(acts):
        if act == "then":
            one.then(woken(number))
        elif act == "again":
            one.then(lambda number=number: one.then(woken(number)))
        elif act == "resolve":
            one.resolve(number)
        elif act == "fail":
            one.fail(KeyError(number))
        elif act == "await":
            coroutine = wait()
            try:
                seen.append(coroutine.send(None) is one)
                coroutine.send(None)
            except StopIteration:
                seen.append("ended")
        else:
            try:
                seen.append(one.result())
            except (LocalError, KeyError) as error:
                seen.append((type(error), str(error)))
        seen.append((one.done, one.wanted))
    return seen


@given(st.lists(st.sampled_from(("then", "again", "resolve", "fail", "result", "await")), max_size=12))
def test_the_laters_agree(acts: list[str]) -> None:
    expected, *others = [_story(module, acts) for module in LATERS]
    assert others == [expected] * len(others)


@pytest.mark.parametrize("module", LATERS)
def test_what_a_wake_raises_reaches_whoever_resolves(module: Any) -> None:
    one = module.Later[int]()

    def burst() -> None:
        raise ArithmeticError

    one.then(burst)
    with pytest.raises(ArithmeticError):
        one.resolve(1)
    assert one.result() == 1
