"""A Diameter stack (RFC 6733) for 3GPP machine-type communication.

This package alone reads and writes messages; it imports neither twisted nor cryptography.
"""

from diameter._guard import check

check()

from diameter.errors import (  # noqa: E402  the guard comes first: foreign files would be imported here
    ApplicationFault,
    ConfigError,
    DiameterError,
    DictionaryError,
    EncodeError,
    ErrorAnswer,
    LocalError,
    NotOpen,
    RemoteFault,
    RequestError,
    RequestTimeout,
    ResultCode,
    Undeliverable,
    UnknownName,
)
from diameter.message import Avp, Dictionary, Grouped, Message, decode, encode  # noqa: E402

__all__ = [
    "ApplicationFault",
    "Avp",
    "ConfigError",
    "DiameterError",
    "Dictionary",
    "DictionaryError",
    "EncodeError",
    "ErrorAnswer",
    "Grouped",
    "LocalError",
    "Message",
    "NotOpen",
    "RemoteFault",
    "RequestError",
    "RequestTimeout",
    "ResultCode",
    "Undeliverable",
    "UnknownName",
    "decode",
    "encode",
]
