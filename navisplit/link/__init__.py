"""The radio between vehicle and edge: models of delay, rate and loss, and traces of recorded ones."""

from navisplit.link.library import profile, shipped_profiles
from navisplit.link.link import Link, LinkStats
from navisplit.link.profiles import Profile
from navisplit.link.settings import SETTINGS, quantity

__all__ = ["SETTINGS", "Link", "LinkStats", "Profile", "profile", "quantity", "shipped_profiles"]
