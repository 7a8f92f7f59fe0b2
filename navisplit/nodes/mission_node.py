"""The mission: gives the goal, watches the flight, ends it, and writes its report.

Publishes ``goal_pose`` and ``/diagnostics``; subscribes what vehicle and edge say, and records it where ``record``
names a bag. The process ends with the flight: exit code 0 when it was flown and reported, whatever its outcome.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from rclpy.parameter import Parameter

from navisplit.config import FlightConfig
from navisplit.errors import NaviSplitError
from navisplit.evaluate.bags import describe
from navisplit.evaluate.episode import Outcome
from navisplit.evaluate.fleet_flight import Member, join, leave
from navisplit.evaluate.flight_log import FlightLog
from navisplit.evaluate.single_flight import load_query, write_flight
from navisplit.faults.vocabulary import parse_faults
from navisplit.nodes import messages, qos
from navisplit.nodes.diagnostics import OK, Health
from navisplit.nodes.faults import FaultOrders
from navisplit.nodes.mission_topics import listen
from navisplit.nodes.parameters import config_of, declare, declare_config, declare_optional_numbers, value_of
from navisplit.nodes.recorder import Recorder
from navisplit.nodes.runtime import link_key, run
from navisplit.nodes.worker import WorkerNode
from navisplit.sim.worlds import Route, check_route

WATCH_PERIOD_S = 0.05
STATUS_PERIOD_S = 1.0
REPEAT_S = 10.0  # a status that has not changed


class MissionNode(WorkerNode):
    """Thin shell around ``navisplit.evaluate.flight_log.FlightLog``."""

    def __init__(self, query_of: Callable[[str], Any] = load_query, **node_arguments: Any) -> None:
        super().__init__("mission_node", **node_arguments)
        self._query_of = query_of
        declare(self, "world", "", "SDF file of the world, for clearances and the report's map")
        declare(self, "out", "runs/flight", "folder for the report")
        declare(self, "fleet", "", "drones that fly at once, with commas: one report of all, above out")
        declare(self, "record", "", "MCAP bag to write; empty: none")
        declare(self, "timeout_s", Parameter.Type.DOUBLE, "simulated seconds until the flight has failed")
        declare(self, "start_timeout_s", 150.0, "seconds to wait for the first command", low=0.0, high=1e9)
        declare(self, "route", -1, "id of the route; -1: none, only a goal", low=-1)
        declare(self, "goal", [0.0, 0.0, 0.0], "where to fly to, map frame, m")
        declare_optional_numbers(self, "start", "x, y, z, yaw of the start (m, rad)")
        declare(self, "length_m", 0.0, "shortest collision-free way, m; 0: not known", low=0.0)
        declare(self, "edge_topics", True, "hear the edge's depth and commands, which no radio carries")
        declare_config(self, FlightConfig, "flight")
        self._status = self.get_logger().get_child("status")
        self._recorder: Recorder | None = None
        self._reported, self._outcome = True, ""

    def configure(self) -> None:
        """Check the route, open the bag."""
        self._world, self._out = value_of(self, "world"), Path(value_of(self, "out"))
        self._fleet = value_of(self, "fleet")
        self._config = config_of(self, FlightConfig, "flight")
        route, timeout_s = self._route(), value_of(self, "timeout_s")
        self._query = self._query_of(self._world)
        if self._query is not None and route.id >= 0:
            check_route(route, self._query)
        if self._fleet:
            leave(self._out)
        self._log = FlightLog(route, self._config, query=self._query, timeout_s=timeout_s)
        self._key = link_key()
        self._reported, self._outcome = False, ""
        self._faults: FaultOrders | None = FaultOrders(self, parse_faults(self._config.faults))
        self._told = (0.0, "")
        self._goal = self.advertise(PoseStamped, "goal_pose", qos.LATCHED)
        if record := value_of(self, "record"):
            description = describe(self._world, route, self._config, timeout_s)
            self._recorder = Recorder(self, Path(record), description, edge_topics=value_of(self, "edge_topics"))

    def activate(self) -> None:
        """Give the goal, watch and record."""
        self._begun_s = time.monotonic()
        listen(self, self._log, self._key, edge_topics=value_of(self, "edge_topics"))
        if self._recorder is not None:
            self._recorder.listen()
        self._goal.publish(messages.goal_message(self._log.route.goal))
        self.every(WATCH_PERIOD_S, self._watch)  # the flight must end also when the simulation stands still
        self.every(STATUS_PERIOD_S, self._tell)

    def _route(self) -> Route:
        number, goal, length_m = (value_of(self, name) for name in ("route", "goal", "length_m"))
        start = value_of(self, "start") or [*goal, 0.0]
        if len(goal) != 3 or len(start) != 4:
            raise NaviSplitError(f"goal: expected x, y, z and start: x, y, z, yaw; got {goal} and {start}.")
        policy = self._config.policy
        airspace = (policy.min_z_m, policy.max_z_m) if number >= 0 else (None, None)
        return Route(number, np.array(start[:3]), start[3], np.array(goal), length_m or None, *airspace)

    def _watch(self) -> None:
        if self._reported:
            return
        patience_s = value_of(self, "start_timeout_s")
        if not self._log.started and time.monotonic() - self._begun_s > patience_s:
            odometry = "is missing too" if self._log.position is None else "came"
            raise NaviSplitError(
                f"No command came within {patience_s:.0f} s: expected answers from tail_node and odometry from"
                f" airsim_node; odometry {odometry}. See their logs."
            )
        if self._log.started and self._faults is not None:
            self._faults.tell()
            self._faults = None
        verdict = self._log.judge(time.monotonic_ns())
        if verdict is not None:
            self._goal.publish(messages.goal_message(self._log.position))  # stay here meanwhile
            self._report(*verdict)
            self.finish()

    def _report(self, outcome: Outcome, detail: str) -> None:
        self._reported, self._outcome = True, json.dumps({"outcome": outcome.value, "detail": detail})
        self.get_logger().info(f"{outcome.value}{': ' if detail else ''}{detail}; writing the report")
        log, episode = self._log, self._log.episode(outcome, detail)
        about: dict[str, Any] = {"world": self._world, "config": self._config, "query": self._query}
        write_flight(self._out, episode, **about, model_hash=log.model_hash, real_time_factor=log.real_time_factor)
        if self._fleet:
            member = Member(self._out.name, log.start_ns, log.model_hash, log.real_time_factor)
            join(self._out, self._fleet.split(","), member, episode, **about)

    def _tell(self) -> None:
        text = self._log.status()
        if text != self._told[1] or time.monotonic() - self._told[0] > REPEAT_S:
            self._told = (time.monotonic(), text)
            self._status.info(text)

    def health(self) -> Health:
        """How the flight goes."""
        values = {"elapsed_s": f"{self._log.elapsed_s:.1f}", "guard": self._log.stage}
        if self._recorder is not None:
            values["messages not recorded"] = str(self._recorder.lost)
        return Health(OK, self._log.status().strip(), values)

    def cleanup(self) -> None:
        """Report a flight that was interrupted; finish the bag."""
        if not self._reported and self._log.started:
            self._report(Outcome.ERROR, "interrupted")
        if self._recorder is not None:
            self._recorder.close(self._outcome)
            self._recorder = None


def main() -> int:
    """Entry point of ``ros2 run navisplit mission_node``."""
    return run(MissionNode)


if __name__ == "__main__":
    sys.exit(main())
