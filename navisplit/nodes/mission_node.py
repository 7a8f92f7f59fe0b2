"""The mission: gives the goal, watches the flight, ends it, and writes its report.

Publishes ``goal_pose`` and ``/diagnostics``. Subscribes what the vehicle and the edge say; ``record`` writes all of it
into an MCAP bag. The process ends with the flight: exit code 0 when it was flown and reported, whatever its outcome.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped, TwistStamped
from nav_msgs.msg import Odometry as OdometryMessage
from rclpy.clock import Clock, ClockType
from rclpy.parameter import Parameter
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Bool, String

from navisplit.config import FlightConfig
from navisplit.errors import NaviSplitError
from navisplit.evaluate.episode import Outcome
from navisplit.nodes import messages, qos
from navisplit.nodes.diagnostics import OK, diagnostics, of_part
from navisplit.nodes.flight_log import FlightLog
from navisplit.nodes.mission_report import load_query, write_flight
from navisplit.nodes.parameters import declare, declare_config, declare_optional_numbers
from navisplit.nodes.recorder import Recorder
from navisplit.nodes.runtime import WorkerNode, run
from navisplit.sim.worlds import Route, check_route

WATCH_PERIOD_S = 0.05
STATUS_PERIOD_S = 1.0
PATIENCE_S = 240.0
"""For the first answer: the simulator may have to compile its kernels first, the edge to load its models."""


class MissionNode(WorkerNode):
    """Thin shell around ``navisplit.nodes.flight_log.FlightLog``."""

    def __init__(self, **node_arguments: Any) -> None:
        super().__init__("mission_node", **node_arguments)
        self._world = declare(self, "world", "", "SDF file of the world, for clearances and the report's map")
        self._out = Path(declare(self, "out", "runs/flight", "folder for the report"))
        record = declare(self, "record", "", "MCAP bag to write; empty: none")
        timeout_s = declare(self, "timeout_s", Parameter.Type.DOUBLE, "simulated seconds until the flight has failed")
        self._config = declare_config(self, FlightConfig, "flight")
        route = self._route()
        query = load_query(self._world)
        if query is not None and route.id >= 0:
            check_route(route, query)
        self._query = query
        self._log = FlightLog(route, self._config, query=query, timeout_s=timeout_s)
        self._begun_ns = time.monotonic_ns()
        self._reported = False
        self._status = self.get_logger().get_child("status")
        self._goal = self.create_publisher(PoseStamped, "goal_pose", qos.LATCHED)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", qos.STATE)
        self._listen()
        self._recorder = Recorder(self, Path(record)) if record else None
        self._goal.publish(messages.goal_message(route.goal))
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # the flight must end also when the simulation stands still
        self.create_timer(WATCH_PERIOD_S, self._watch, clock=steady)
        self.create_timer(STATUS_PERIOD_S, self._tell, clock=steady)

    def _route(self) -> Route:
        number = declare(self, "route", -1, "id of the route; -1: none, only a goal")
        goal = declare(self, "goal", [0.0, 0.0, 0.0], "where to fly to, map frame, m")
        start = declare_optional_numbers(self, "start", "x, y, z, yaw of the start (m, rad)")
        length_m = declare(self, "length_m", 0.0, "shortest collision-free way, m; 0: not known")
        policy = self._config.policy
        place = np.array(start[:3] if start else goal)
        yaw = start[3] if start else 0.0
        bounds = (policy.min_z_m, policy.max_z_m) if number >= 0 else (None, None)
        return Route(number, place, yaw, np.array(goal), length_m or None, *bounds)

    def _listen(self) -> None:
        log, now = self._log, time.monotonic_ns

        def on_odometry(m: OdometryMessage) -> None:
            log.on_odometry(messages.odometry_from(m), now())

        def on_features(m: CompressedImage) -> None:
            log.on_packet(messages.from_time(m.header.stamp), len(m.data))

        def on_command(m: TwistStamped) -> None:
            log.on_command(messages.from_time(m.header.stamp), now())

        self.create_subscription(OdometryMessage, "odom", on_odometry, qos.SENSOR)
        self.create_subscription(CompressedImage, "features", on_features, qos.PACKETS)
        self.create_subscription(String, "branch", lambda m: log.on_branch(m.data), qos.STATE)
        self.create_subscription(TwistStamped, "cmd_vel", on_command, qos.SENSOR)
        self.create_subscription(Bool, "collision", lambda m: log.on_collision(m.data), qos.LATCHED)
        self.create_subscription(Image, "camera/image_raw", lambda m: log.on_image(messages.image_array(m)), qos.SENSOR)
        self.create_subscription(Image, "edge/depth", lambda m: log.on_depth(messages.depth_array(m)), qos.SENSOR)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, qos.STATE)

    def _on_diagnostics(self, array: DiagnosticArray) -> None:
        for status in of_part(self, "guard", array):
            self._log.stage = status.message
            for pair in status.values:
                self._log.guard_counters[pair.key] = int(pair.value)

    def _watch(self) -> None:
        if self._reported:
            return
        now_ns = time.monotonic_ns()
        if not self._log.started and (now_ns - self._begun_ns) * 1e-9 > PATIENCE_S:
            odometry = "is missing too" if self._log.position is None else "came"
            raise NaviSplitError(
                f"No command came within {PATIENCE_S:.0f} s: expected answers from tail_node and odometry from"
                f" airsim_node; odometry {odometry}. See their logs."
            )
        verdict = self._log.judge(now_ns)
        if verdict is not None:
            self._goal.publish(messages.goal_message(self._log.position))  # stay here meanwhile
            self._report(*verdict)
            self.finish()

    def _report(self, outcome: Outcome, detail: str) -> None:
        self._reported = True
        episode = self._log.episode(outcome, detail)
        self.get_logger().info(f"{outcome.value}{': ' if detail else ''}{detail}; writing the report")
        write_flight(self._out, episode, self._world, self._config, self._query)

    def _tell(self) -> None:
        text = self._log.status()
        self._status.info(text)
        values = {"elapsed_s": f"{self._log.elapsed_s:.1f}", "guard": self._log.stage}
        self._diagnostics.publish(diagnostics(self, "mission", OK, text.strip(), values))

    def close(self) -> None:
        """Report a flight that was interrupted; finish the bag."""
        if self._log.started and not self._reported:
            self._report(Outcome.ERROR, "interrupted")
        if self._recorder is not None:
            self._recorder.close()


def main() -> int:
    """Entry point of ``ros2 run navisplit mission_node``."""
    return run(MissionNode)


if __name__ == "__main__":
    sys.exit(main())
