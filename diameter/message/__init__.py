"""Message to octets and back through a dictionary (RFC 6733 sections 3, 4 and 7)."""

from diameter.message import answers
from diameter.message.build import Dictionary
from diameter.message.codec import decode, encode
from diameter.message.message import Avp, Grouped, Message

__all__ = ["Avp", "Dictionary", "Grouped", "Message", "answers", "decode", "encode"]
