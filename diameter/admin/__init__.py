"""What an operator sees of a node, by HTTP: JSON for programs, one page for people, metrics for Prometheus."""

from diameter.admin.pages import PENDING_SHOWN, OfNode
from diameter.admin.port import OWN_NAMES, Admin, AdminPort, Source

__all__ = ["OWN_NAMES", "PENDING_SHOWN", "Admin", "AdminPort", "OfNode", "Source"]
