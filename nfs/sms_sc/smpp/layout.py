"""The PDUs of SMPP 3.4 as `construct` declarations (clauses 3.2, 4 and 5.3), and the way to and from octets."""

from __future__ import annotations

from typing import Any, Final

from nfs.common.sms_layout import TpduError, build, c, parse

__all__ = ["BIND", "BIND_ANSWER", "EMPTY", "HEADER", "MESSAGE", "MESSAGE_ANSWER", "TpduError", "build", "parse"]

_TLVS: Final[Any] = c.GreedyRange(c.Struct("tag" / c.Int16ub, "value" / c.Prefixed(c.Int16ub, c.GreedyBytes)))
_TEXT: Final[Any] = c.NullTerminated(c.GreedyBytes)
HEADER: Final[Any] = c.Struct("length" / c.Int32ub, "command" / c.Int32ub, "status" / c.Int32ub, "sequence" / c.Int32ub)
BIND: Final[Any] = c.Struct(
    "system_id" / _TEXT,
    "password" / _TEXT,
    "system_type" / _TEXT,
    "interface_version" / c.Int8ub,
    "ton" / c.Int8ub,
    "npi" / c.Int8ub,
    "address_range" / _TEXT,
    c.Terminated,
)
BIND_ANSWER: Final[Any] = c.Struct("system_id" / _TEXT, "tlvs" / _TLVS, c.Terminated)
MESSAGE: Final[Any] = c.Struct(
    "service_type" / _TEXT,
    "source_ton" / c.Int8ub,
    "source_npi" / c.Int8ub,
    "source" / _TEXT,
    "destination_ton" / c.Int8ub,
    "destination_npi" / c.Int8ub,
    "destination" / _TEXT,
    "esm_class" / c.Int8ub,
    "protocol_id" / c.Int8ub,
    "priority" / c.Int8ub,
    "schedule" / _TEXT,
    "validity" / _TEXT,
    "registered" / c.Int8ub,
    "replace" / c.Int8ub,
    "coding" / c.Int8ub,
    "default_message" / c.Int8ub,
    "text" / c.Prefixed(c.Int8ub, c.GreedyBytes),
    "tlvs" / _TLVS,
    c.Terminated,
)
MESSAGE_ANSWER: Final[Any] = c.Struct("message_id" / _TEXT, "tlvs" / _TLVS, c.Terminated)
EMPTY: Final[Any] = c.Struct(c.Terminated)
