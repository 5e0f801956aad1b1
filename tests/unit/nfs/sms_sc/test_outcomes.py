"""From the codes of SGd to the report of T4."""

from __future__ import annotations

import pytest

from nfs.sms_sc.outcomes import Delivered, Diagnostic, Failure, Outcome, final, of_answer

OK = Delivered()


@pytest.mark.parametrize(
    ("result", "absent", "cause", "expected"),
    [
        ((0, 2001), None, None, OK),
        ((0, 3004), None, None, Delivered(failure=Failure.TEMPORARY)),
        ((0, 4002), None, None, Delivered(failure=Failure.TEMPORARY)),
        ((0, 5012), None, None, Delivered(failure=Failure.PERMANENT)),
        (None, None, None, Delivered(failure=Failure.TEMPORARY)),
        (
            (10415, 5001),
            None,
            None,
            Delivered(failure=Failure.PERMANENT, diagnostic=Diagnostic.UNIDENTIFIED_SUBSCRIBER),
        ),
        ((10415, 5550), None, None, Delivered(failure=Failure.ABSENT)),
        ((10415, 5550), 1, None, Delivered(failure=Failure.ABSENT, diagnostic=Diagnostic.UE_DETACHED)),
        ((10415, 5550), 13, None, Delivered(failure=Failure.ABSENT)),
        ((10415, 5551), None, None, Delivered(failure=Failure.TEMPORARY)),
        ((10415, 5552), None, None, Delivered(failure=Failure.PERMANENT)),
        ((10415, 5555), None, 0, Delivered(failure=Failure.MEMORY_FULL)),
        ((10415, 5555), None, 1, Delivered(failure=Failure.PERMANENT)),
        ((10415, 5555), None, 4, Delivered(failure=Failure.TEMPORARY)),
        ((10415, 5555), None, None, Delivered(failure=Failure.PERMANENT)),
    ],
)
def test_what_an_answer_of_the_mme_means(
    result: tuple[int, int] | None, absent: int | None, cause: int | None, expected: Delivered
) -> None:
    assert of_answer(result, absent=absent, cause=cause) == expected


def test_the_final_word() -> None:
    assert final(Delivered(failure=Failure.MEMORY_FULL)) == (Outcome.UE_MEMORY_CAPACITY_EXCEEDED, None)
    assert final(Delivered(failure=Failure.PERMANENT)) == (Outcome.ABSENT_SUBSCRIBER, None)
