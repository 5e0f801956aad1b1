"""Identifiers of RFC 6733 section 3 and Session-Ids of section 8.8."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from diameter.routing.identifiers import EndToEndSource, HopByHopSource, SessionIds

TIME = st.floats(min_value=0, max_value=4e9, allow_nan=False)


def test_hop_by_hop_starts_at_the_seed_and_grows_by_one() -> None:
    source = HopByHopSource(0x12345678)
    assert [source.next() for _ in range(3)] == [0x12345678, 0x12345679, 0x1234567A]


def test_hop_by_hop_wraps_at_32_bits() -> None:
    source = HopByHopSource(0xFFFFFFFF)
    assert [source.next(), source.next()] == [0xFFFFFFFF, 0]


def test_a_seed_of_any_size_makes_a_32_bit_identifier() -> None:
    assert HopByHopSource(-1).next() == 0xFFFFFFFF
    assert HopByHopSource(1 << 40 | 7).next() == 7


@given(TIME, st.integers())
def test_end_to_end_carries_the_low_12_bits_of_time_on_top(now: float, seed: int) -> None:
    value = EndToEndSource(seed).next(now)
    assert value >> 20 == int(now) & 0xFFF
    assert value & 0xFFFFF == seed & 0xFFFFF


def test_end_to_end_is_unique_for_more_than_four_minutes_also_over_a_restart() -> None:
    seen: set[int] = set()
    given_out = 0
    for start in range(0, 300, 20):  # a new process every 20 s, all with the same random start: the worst luck
        source = EndToEndSource(99)
        for second in range(start, start + 20):
            seen.update(source.next(1_700_000_000.0 + second) for _ in range(100))
            given_out += 100
    assert len(seen) == given_out


def test_end_to_end_counter_wraps_within_its_20_bits() -> None:
    source = EndToEndSource(0xFFFFF)
    assert [source.next(5.0), source.next(5.0)] == [5 << 20 | 0xFFFFF, 5 << 20]


def test_session_id_has_the_recommended_form() -> None:
    ids = SessionIds("iwf.example.org", 1_700_000_000.0)
    host, high, low = ids.next().split(";")
    assert host == "iwf.example.org"
    assert int(high) == 1_700_000_000 + 2_208_988_800  # NTP time
    assert int(low) == 1


def _value(session_id: str) -> int:
    _, high, low = session_id.split(";")
    return int(high) << 32 | int(low)


@given(TIME, st.floats(min_value=0.001, max_value=1e6), st.integers(min_value=1, max_value=50))
def test_session_ids_grow_within_a_process_and_over_a_restart(now: float, later: float, count: int) -> None:
    first = SessionIds("h", now)
    before = [_value(first.next()) for _ in range(count)]
    assert before == sorted(set(before))
    if int((now + later - now) * 1000) >= 1:
        assert _value(SessionIds("h", now + later).next()) > before[-1]


def test_a_session_id_may_end_in_an_optional_value() -> None:
    ids = SessionIds("accesspoint7.example.com", 1_700_000_000.0)
    plain, longer = ids.next(), ids.next("mobile@200.1.1.88")
    assert longer.endswith(";2;mobile@200.1.1.88")
    assert _value(plain) + 1 == _value(longer.removesuffix(";mobile@200.1.1.88"))


def test_session_ids_of_two_starts_within_one_second_do_not_meet() -> None:
    first, again = SessionIds("h", 1_700_000_000.25), SessionIds("h", 1_700_000_000.75)
    given_out = [_value(first.next()) for _ in range(10_000)]
    assert _value(again.next()) > given_out[-1]
