"""The airspace of a route, where the policy finds it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from navisplit.config import FlightConfig

if TYPE_CHECKING:
    from navisplit.sim.worlds.routes import Route


def with_airspace(config: FlightConfig, route: Route) -> FlightConfig:
    """The configuration with the route's airspace in the policy's."""
    policy = config.policy
    low = policy.min_z_m if route.min_z is None else route.min_z
    high = policy.max_z_m if route.max_z is None else route.max_z
    return dataclasses.replace(config, policy=dataclasses.replace(policy, min_z_m=float(low), max_z_m=float(high)))
