"""A lab of several machines: namespaces, and a PostgreSQL, but nothing of the kernel that not every one has."""

from __future__ import annotations

from pathlib import Path

from tools.parts import may_have_a_network

collect_ignore_glob = [] if Path("/dev/net/tun").exists() and may_have_a_network() else ["test_*.py"]
