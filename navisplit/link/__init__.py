"""The radio between vehicle and edge: models of delay, rate and loss."""

from navisplit.link.link import Link, LinkStats
from navisplit.link.profiles import PROFILES, Profile, profile

__all__ = ["PROFILES", "Link", "LinkStats", "Profile", "profile"]
