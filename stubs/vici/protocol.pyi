import io
from collections.abc import Mapping
from typing import Any, NamedTuple

class FiniteStream(io.BytesIO):
    def has_more(self) -> bool: ...

class Packet:
    CMD_REQUEST: int
    CMD_RESPONSE: int
    CMD_UNKNOWN: int
    EVENT_REGISTER: int
    EVENT_UNREGISTER: int
    EVENT_CONFIRM: int
    EVENT_UNKNOWN: int
    EVENT: int

    class ParsedPacket(NamedTuple):
        response_type: int
        payload: FiniteStream

    class ParsedEventPacket(NamedTuple):
        response_type: int
        event_type: bytes
        payload: FiniteStream

    @classmethod
    def request(cls, command: str, message: bytes | None = None) -> bytes: ...
    @classmethod
    def register_event(cls, event_type: str) -> bytes: ...
    @classmethod
    def unregister_event(cls, event_type: str) -> bytes: ...
    @classmethod
    def parse(cls, packet: bytes) -> ParsedPacket | ParsedEventPacket: ...

class Message:
    @classmethod
    def serialize(cls, message: Mapping[str, Any]) -> bytes: ...
    @classmethod
    def deserialize(cls, stream: FiniteStream) -> dict[str, Any]: ...
