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
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from rclpy.clock import Clock, ClockType
from rclpy.parameter import Parameter

from navisplit.config import FlightConfig
from navisplit.errors import NaviSplitError
from navisplit.evaluate.bags import describe
from navisplit.evaluate.episode import Outcome
from navisplit.evaluate.flight_log import FlightLog
from navisplit.evaluate.single_flight import load_query, write_flight
from navisplit.faults.vocabulary import parse_faults
from navisplit.nodes import messages, qos
from navisplit.nodes.diagnostics import OK, diagnostics
from navisplit.nodes.faults import FaultOrders
from navisplit.nodes.mission_topics import listen
from navisplit.nodes.parameters import declare, declare_config, declare_optional_numbers
from navisplit.nodes.recorder import Recorder
from navisplit.nodes.runtime import WorkerNode, link_key, run
from navisplit.sim.worlds import Route, check_route

WATCH_PERIOD_S = 0.05
STATUS_PERIOD_S = 1.0
REPEAT_S = 10.0  # a status that has not changed


class MissionNode(WorkerNode):
    """Thin shell around ``navisplit.evaluate.flight_log.FlightLog``."""

    def __init__(self, query_of: Callable[[str], Any] = load_query, **node_arguments: Any) -> None:
        super().__init__("mission_node", **node_arguments)
        self._world = declare(self, "world", "", "SDF file of the world, for clearances and the report's map")
        self._out = Path(declare(self, "out", "runs/flight", "folder for the report"))
        record = declare(self, "record", "", "MCAP bag to write; empty: none")
        timeout_s = declare(self, "timeout_s", Parameter.Type.DOUBLE, "simulated seconds until the flight has failed")
        self._patience_s = declare(self, "start_timeout_s", 150.0, "seconds to wait for the first command")
        self._config = declare_config(self, FlightConfig, "flight")
        route = self._route()
        self._query = query_of(self._world)
        if self._query is not None and route.id >= 0:
            check_route(route, self._query)
        self._log = FlightLog(route, self._config, query=self._query, timeout_s=timeout_s)
        self._begun_s = time.monotonic()
        self._reported, self._outcome = False, ""
        self._faults: FaultOrders | None = FaultOrders(self, parse_faults(self._config.faults))
        self._told = (0.0, "")
        self._status = self.get_logger().get_child("status")
        self._goal = self.create_publisher(PoseStamped, "goal_pose", qos.LATCHED)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", qos.STATE)
        listen(self, self._log, link_key())
        self._recorder = None
        if record:
            self._recorder = Recorder(self, Path(record), describe(self._world, route, self._config, timeout_s))
        self._goal.publish(messages.goal_message(route.goal))
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # the flight must end also when the simulation stands still
        self.create_timer(WATCH_PERIOD_S, self._watch, clock=steady)
        self.create_timer(STATUS_PERIOD_S, self._tell, clock=steady)

    def _route(self) -> Route:
        number = declare(self, "route", -1, "id of the route; -1: none, only a goal")
        goal = declare(self, "goal", [0.0, 0.0, 0.0], "where to fly to, map frame, m")
        start = declare_optional_numbers(self, "start", "x, y, z, yaw of the start (m, rad)") or [*goal, 0.0]
        length_m = declare(self, "length_m", 0.0, "shortest collision-free way, m; 0: not known")
        if len(goal) != 3 or len(start) != 4:
            raise NaviSplitError(f"goal: expected x, y, z and start: x, y, z, yaw; got {goal} and {start}.")
        policy = self._config.policy
        airspace = (policy.min_z_m, policy.max_z_m) if number >= 0 else (None, None)
        return Route(number, np.array(start[:3]), start[3], np.array(goal), length_m or None, *airspace)

    def _watch(self) -> None:
        if self._reported:
            return
        if not self._log.started and time.monotonic() - self._begun_s > self._patience_s:
            odometry = "is missing too" if self._log.position is None else "came"
            raise NaviSplitError(
                f"No command came within {self._patience_s:.0f} s: expected answers from tail_node and odometry from"
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
        write_flight(
            self._out,
            self._log.episode(outcome, detail),
            world=self._world,
            config=self._config,
            query=self._query,
            model_hash=self._log.model_hash,
            real_time_factor=self._log.real_time_factor,
        )

    def _tell(self) -> None:
        text = self._log.status()
        if text != self._told[1] or time.monotonic() - self._told[0] > REPEAT_S:
            self._told = (time.monotonic(), text)
            self._status.info(text)
        values = {"elapsed_s": f"{self._log.elapsed_s:.1f}", "guard": self._log.stage}
        self._diagnostics.publish(diagnostics(self, "mission", OK, text.strip(), values))

    def close(self) -> None:
        """Report a flight that was interrupted; finish the bag."""
        if self._log.started and not self._reported:
            self._report(Outcome.ERROR, "interrupted")
        if self._recorder is not None:
            self._recorder.close(self._outcome)
            self._recorder = None


def main() -> int:
    """Entry point of ``ros2 run navisplit mission_node``."""
    return run(MissionNode)


if __name__ == "__main__":
    sys.exit(main())
