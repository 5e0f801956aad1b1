"""Result-Code, E bit, Failed-AVP and what else an answer must and must not hold (RFC 6733 sections 6.2 and 7)."""

from __future__ import annotations

from typing import Final

from diameter.capture.checks.rules import ANSWER, ERROR, NONE, REQUEST, WARNING, Found, Hit, rule
from diameter.capture.checks.sight import RESULT_CODE, Sight
from diameter.errors import ResultCode

EXPERIMENTAL_RESULT: Final = 297
FAILED_AVP: Final = 279
REDIRECT_HOST: Final = 292
DESTINATION_HOST: Final = 293
DESTINATION_REALM: Final = 283
MUST_SHOW: Final = frozenset(
    (
        ResultCode.AVP_UNSUPPORTED,
        ResultCode.INVALID_AVP_VALUE,
        ResultCode.CONTRADICTING_AVPS,
        ResultCode.AVP_NOT_ALLOWED,
        ResultCode.AVP_OCCURS_TOO_MANY_TIMES,
        ResultCode.INVALID_AVP_LENGTH,
        ResultCode.INVALID_AVP_BIT_COMBO,
    )
)
"""Result-Codes whose answer MUST hold Failed-AVP; of 5005 it SHOULD."""


@rule(
    "result-missing",
    ERROR,
    "RFC 6733 section 7.1",
    "An answer has neither Result-Code nor Experimental-Result.",
    ANSWER,
)
def result_missing(one: Sight) -> Found:
    """Every answer has one; not said of an answer that is too damaged to read."""
    if one.find(RESULT_CODE) >= 0 or one.find(EXPERIMENTAL_RESULT) >= 0 or one.message.tail:
        return NONE
    return (Hit("neither Result-Code nor Experimental-Result", one.place.short),)


@rule("result-class", WARNING, "RFC 6733 section 7.1", "A Result-Code of no class: not 1xxx to 5xxx.", ANSWER)
def result_class(one: Sight) -> Found:
    """An unrecognised class counts as a permanent failure."""
    code = one.result_code
    if code < 0 or 1000 <= code < 6000:
        return NONE
    return (Hit(f"Result-Code {code} is of no class", f"{one.place.short} {code}", one.find(RESULT_CODE)),)


@rule(
    "error-bit", ERROR, "RFC 6733 section 7.2", "The E bit does not fit the class of the Result-Code: 3xxx needs it.",
    ANSWER,
)  # fmt: skip
def error_bit(one: Sight) -> Found:
    """3xxx only with E; 1xxx, 2xxx, 4xxx never; 5xxx may have it (sections 7.1.3 to 7.1.5)."""
    code, is_set = one.result_code, one.message.error
    if code < 1000 or code >= 5000 or is_set == (3000 <= code < 4000):
        return NONE
    clause = {3: "RFC 6733 section 7.1.3", 4: "RFC 6733 section 7.1.4"}.get(code // 1000, "")
    text = f"Result-Code {code} {'with' if is_set else 'without'} the E bit"
    return (Hit(text, f"{one.place.short} {code}", 4, clause),)


@rule(
    "failed-avp-missing", ERROR, "RFC 6733 section 7.1.5", "A Result-Code that must be explained by Failed-AVP is not.",
    ANSWER,
)  # fmt: skip
def failed_avp_missing(one: Sight) -> Found:
    """5001, 5004, 5007, 5008, 5009, 5014, 5016."""
    return _without_failed_avp(one) if one.result_code in MUST_SHOW else NONE


@rule("failed-avp-advised", WARNING, "RFC 6733 section 7.1.5", "5005 without Failed-AVP: what is missing?", ANSWER)
def failed_avp_advised(one: Sight) -> Found:
    """DIAMETER_MISSING_AVP SHOULD say which."""
    return _without_failed_avp(one) if one.result_code == ResultCode.MISSING_AVP else NONE


def _without_failed_avp(one: Sight) -> Found:
    if one.find(FAILED_AVP) >= 0:
        return NONE
    code = one.result_code
    return (Hit(f"Result-Code {code} without Failed-AVP", f"{one.place.short} {code}", one.find(RESULT_CODE)),)


@rule("redirect-host-missing", ERROR, "RFC 6733 section 6.12", "3006 without Redirect-Host.", ANSWER)
def redirect_host_missing(one: Sight) -> Found:
    """A redirect indication names at least one host."""
    if one.result_code != ResultCode.REDIRECT_INDICATION or one.find(REDIRECT_HOST) >= 0:
        return NONE
    return (Hit("Result-Code 3006 without Redirect-Host", one.place.short, one.find(RESULT_CODE)),)


@rule(
    "destination-in-answer",
    ERROR,
    "RFC 6733 section 6.2",
    "An answer has Destination-Host or Destination-Realm.",
    ANSWER,
)
def destination_in_answer(one: Sight) -> Found:
    """Answers find their way by Hop-by-Hop Identifiers."""
    return _destination(one)


@rule(
    "destination-in-link-request", ERROR, "RFC 6733 section 6.1",
    "A request that cannot be proxied has Destination-Host or Destination-Realm.", REQUEST,
)  # fmt: skip
def destination_in_link_request(one: Sight) -> Found:
    """Such as CER, DWR and DPR."""
    return NONE if one.message.proxiable else _destination(one)


def _destination(one: Sight) -> Found:
    return tuple(
        Hit(f"{name} in {one.place.short}", f"{one.place.short} {name}", one.find(code))
        for code, name in ((DESTINATION_HOST, "Destination-Host"), (DESTINATION_REALM, "Destination-Realm"))
        if one.find(code) >= 0
    )
