"""Configuration: TOML into frozen, strict pydantic models, validated whole (`load`), every complaint at once."""

from diameter.config.admin import AdminConfig
from diameter.config.base import Identity, InputFile, Octets, OutputFile, Port, Seconds, Table
from diameter.config.capture import CaptureConfig
from diameter.config.faults import FaultConfig
from diameter.config.ipsec import IkeConfig, IpsecConfig, IpsecMode, ManualSa
from diameter.config.limits import Limits, OverloadConfig
from diameter.config.links import (
    ASSOCIATIONS,
    CERTIFIED,
    CLEAR,
    CLEAR_PORT,
    SECURE_PORT,
    LinkTable,
    ListenConfig,
    TlsConfig,
    Transport,
)
from diameter.config.load import Complaints, load, parse, top_level, validate
from diameter.config.models import (
    FunctionConfig,
    LinkProfile,
    NodeConfig,
    NodeTable,
    PeerConfig,
    Placement,
    RouteConfig,
    SecurityConfig,
)
from diameter.config.private import CertificateKeyFile, KeyFile
from diameter.config.sctp import SctpAuth, SctpConfig, SctpKind, SctpOrder

__all__ = [
    "ASSOCIATIONS",
    "CERTIFIED",
    "CLEAR",
    "CLEAR_PORT",
    "SECURE_PORT",
    "AdminConfig",
    "CaptureConfig",
    "CertificateKeyFile",
    "Complaints",
    "FaultConfig",
    "FunctionConfig",
    "Identity",
    "IkeConfig",
    "InputFile",
    "IpsecConfig",
    "IpsecMode",
    "KeyFile",
    "Limits",
    "LinkProfile",
    "LinkTable",
    "ListenConfig",
    "ManualSa",
    "NodeConfig",
    "NodeTable",
    "Octets",
    "OutputFile",
    "OverloadConfig",
    "PeerConfig",
    "Placement",
    "Port",
    "RouteConfig",
    "SctpAuth",
    "SctpConfig",
    "SctpKind",
    "SctpOrder",
    "Seconds",
    "SecurityConfig",
    "Table",
    "TlsConfig",
    "Transport",
    "load",
    "parse",
    "top_level",
    "validate",
]
