"""Flights as ``gymnasium`` environments: ``import navisplit.environments``, then ``make("navisplit/Forest-v0")``.

``gymnasium.make("navisplit.environments:navisplit/Forest-v0")`` needs no import. There is one id for every family of
worlds, and ``navisplit/World-v0`` for a world file: ``make("navisplit/World-v0", world="urban")``.
"""

from __future__ import annotations

import gymnasium

FAMILIES = ("forest", "neighbourhood", "ruins", "urban", "warehouse")
ENTRY_POINT = "navisplit.environments.navigation:NavigationEnv"


def environment_id(family: str) -> str:
    """Id of a family's environment."""
    return f"navisplit/{family.capitalize()}-v0"


for _family in FAMILIES:
    if environment_id(_family) not in gymnasium.registry:
        gymnasium.register(environment_id(_family), ENTRY_POINT, kwargs={"family": _family})
if environment_id("world") not in gymnasium.registry:
    gymnasium.register(environment_id("world"), ENTRY_POINT)
