"""What the settings of ``navisplit.config`` mean and between what they may be, for ``ros2 param describe``.

The ranges are wider than what is wise: they refuse what cannot work. What depends on two settings, ``navisplit.config``
checks. A setting that is missing here cannot be declared; a test says so first.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Setting:
    """A description with its unit, and for numbers the least and the greatest value (None: no end)."""

    description: str
    low: float | None = None
    high: float | None = None


_LEAST = 1e-3  # of what must be more than zero
SETTINGS: dict[str, Setting] = {
    "CameraConfig.width": Setting("width of a picture, pixels", 1, 8192),
    "CameraConfig.height": Setting("height of a picture, pixels", 1, 8192),
    "CameraConfig.fov_deg": Setting("horizontal field of view, degrees", 1.0, 178.0),
    "CameraConfig.rate_hz": Setting("pictures a second", 0.1, 240.0),
    "CameraConfig.offset_x_m": Setting("camera ahead of the body's centre, m", -10.0, 10.0),
    "GuardConfig.brake_after_s": Setting("age of the newest command over which the guard brakes, s", _LEAST, 60.0),
    "GuardConfig.hold_after_s": Setting("age over which it holds, latched, s; more than brake_after_s", _LEAST, 600.0),
    "GuardConfig.land_after_s": Setting("age over which it lands, s; more than hold_after_s", _LEAST, 3600.0),
    "GuardConfig.rearm_after_s": Setting("fresh commands for this long leave the latched hold, s", _LEAST, 600.0),
    "GuardConfig.max_speed_mps": Setting("greatest speed that is passed on, m/s", _LEAST, 100.0),
    "GuardConfig.max_acceleration_mps2": Setting("greatest change of a command, m/s^2", _LEAST, 100.0),
    "GuardConfig.max_yaw_rate_rps": Setting("greatest yaw rate that is passed on, rad/s", _LEAST, 100.0),
    "GuardConfig.land_speed_mps": Setting("speed of descent when landing, m/s", _LEAST, 10.0),
    "PolicyConfig.name": Setting("policy: planner, reactive, learned or learned:FOLDER"),
    "PolicyConfig.speed_mps": Setting("cruise speed, m/s", _LEAST, 100.0),
    "PolicyConfig.max_yaw_rate_rps": Setting("greatest yaw rate of the policy, rad/s", _LEAST, 100.0),
    "PolicyConfig.min_z_m": Setting("bottom of the airspace, map frame, m", -10000.0, 10000.0),
    "PolicyConfig.max_z_m": Setting("top of the airspace, map frame, m; more than min_z_m", -10000.0, 10000.0),
    "PolicyConfig.goal_radius_m": Setting("distance from the goal at which it is reached, m", _LEAST, 1000.0),
    "FleetConfig.max_drones": Setting("drones served at once; 0: as many as the machine answers", 0, 1000),
    "FleetConfig.rate_hz": Setting("frames a second of one drone, where the seats follow from their cost", 0.1, 240.0),
    "FleetConfig.deadline_s": Setting("from a frame's arrival to its answer, s", _LEAST, 10.0),
    "FleetConfig.leave_after_s": Setting("a drone that is silent this long has left, s", _LEAST, 3600.0),
    "FleetConfig.max_batch": Setting("frames that the network sees at once", 1, 256),
    "FleetConfig.common_map": Setting("all drones' odometry is in one map: each flies around the others"),
    "TimingConfig.head_s": Setting("modelled computing time of the head, offline flights only, s", 0.0, 60.0),
    "TimingConfig.edge_s": Setting("modelled computing time of the edge, offline flights only, s", 0.0, 60.0),
    "TimingConfig.guard_rate_hz": Setting("commands of the guard a second", 1.0, 1000.0),
    "FlightConfig.branch": Setting("gate, or the branch to send"),
    "FlightConfig.models": Setting("branch set: a name of models/, or a folder"),
    "FlightConfig.link": Setting("profile of the emulated radio"),
    "FlightConfig.byte_weight": Setting("the gate's price of bytes; 0 always sends the best branch", 0.0),
    "FlightConfig.max_frame_bytes": Setting("frames are trimmed to this, bytes; 0: never", 0),
    "FlightConfig.faults": Setting("faults on order, as camera:stuck@5+2 (docs/safety.md); empty: none"),
    "FlightConfig.exit": Setting("while the edge is silent, fly the branch set's on-board exit, where it has one"),
    "FlightConfig.weather": Setting("weather of our simulator, as rain=0.5,fog=0.2; empty: the world's"),
}
