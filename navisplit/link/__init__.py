"""The radio between vehicle and edge: models of delay, rate and loss."""

from navisplit.link.link import Link, LinkStats
from navisplit.link.profiles import PROFILES, SETTINGS, Profile, profile, quantity

__all__ = ["PROFILES", "SETTINGS", "Link", "LinkStats", "Profile", "profile", "quantity"]
