"""Pieces of messages to messages."""

from __future__ import annotations

from diameter.transport.association import Assembler


def test_a_message_in_one_piece_is_passed_on() -> None:
    data = b"whole"
    assert Assembler(10).piece(data, last=True) is data


def test_pieces_are_joined() -> None:
    assembler = Assembler(10)
    assert [assembler.piece(each, last=each == b"ef") for each in (b"ab", b"cd", b"ef")] == [None, None, b"abcdef"]
    assert assembler.piece(b"next", last=True) == b"next"


def test_what_is_too_long_comes_once_and_cut_off() -> None:
    assembler = Assembler(10)
    found = [assembler.piece(b"x" * 6, last=False) for _ in range(5)]
    assert found == [None, b"x" * 12, None, None, None]
    assert assembler.piece(b"end", last=True) is None
    assert assembler.piece(b"next", last=True) == b"next"


def test_the_last_piece_may_be_the_one_too_many() -> None:
    assembler = Assembler(10)
    assert assembler.piece(b"x" * 8, last=False) is None
    assert assembler.piece(b"y" * 8, last=True) == b"x" * 8 + b"y" * 8
    assert assembler.piece(b"next", last=True) == b"next"


def test_pieces_whose_rest_will_not_come_are_forgotten() -> None:
    assembler = Assembler(10)
    assembler.piece(b"begin", last=False)
    assembler.drop()
    assert assembler.piece(b"next", last=True) == b"next"
