"""Flight commands of AirSim's multirotor API. Each replies when its command ends."""

from __future__ import annotations

from typing import Any

import numpy as np

from navisplit.frames import Vector
from navisplit.sim.flight import commands, controller, path
from navisplit.sim.flight.autopilot import RemoteControl
from navisplit.sim.flight.commands import Task, YawMode
from navisplit.sim.flight.controller import ANGLE, PASSTHROUGH, POSITION, RATE, VELOCITY
from navisplit.sim.geodesy import GeoPoint, ned_of
from navisplit.sim.rpc.service import Service
from navisplit.sim.rpc.table import HandlerError, rpc

_MOVE = "duration:float drivetrain:int yaw_mode:YawMode vehicle_name:str"
_PATH = "timeout_sec:float drivetrain:int yaw_mode:YawMode lookahead:float adaptive_lookahead:float vehicle_name:str"


@rpc("timeout_sec:float vehicle_name:str")
def takeoff(service: Service, timeout_s: float, vehicle: str) -> Task:
    """Climb from the ground."""
    return service.start(vehicle, path.takeoff, timeout_s)


@rpc("timeout_sec:float vehicle_name:str")
def land(service: Service, timeout_s: float, vehicle: str) -> Task:
    """Descend to the ground."""
    return service.start(vehicle, commands.land, timeout_s)


@rpc("timeout_sec:float vehicle_name:str", name="goHome")
def go_home(service: Service, timeout_s: float, vehicle: str) -> Task:
    """Back to the start."""
    return service.start(vehicle, path.go_home, timeout_s)


@rpc("vehicle_name:str")
def hover(service: Service, vehicle: str) -> Task:
    """Stop and hold."""
    return service.start(vehicle, path.hover)


@rpc("vehicle_name:str", name="cancelLastTask")
def cancel_last_task(service: Service, vehicle: str) -> None:
    """End the running command with False."""
    service.drone(vehicle).cancel()


def _velocity(body_frame: bool) -> Any:
    def handler(
        service: Service, vx: float, vy: float, vz: float, duration: float, drivetrain: int, yaw: YawMode, vehicle: str
    ) -> Task:
        return service.start(
            vehicle,
            commands.move_by_velocity,
            (vx, vy, vz),
            duration,
            forward_only=drivetrain == 1,
            yaw_mode=yaw,
            body_frame=body_frame,
        )

    return handler


def _velocity_z(body_frame: bool) -> Any:
    def handler(
        service: Service, vx: float, vy: float, z: float, duration: float, drivetrain: int, yaw: YawMode, vehicle: str
    ) -> Task:
        return service.start(
            vehicle,
            commands.move_by_velocity_z,
            vx,
            vy,
            z,
            duration,
            forward_only=drivetrain == 1,
            yaw_mode=yaw,
            body_frame=body_frame,
        )

    return handler


rpc(f"vx:float vy:float vz:float {_MOVE}", name="moveByVelocity")(_velocity(False))
rpc(f"vx:float vy:float vz:float {_MOVE}", name="moveByVelocityBodyFrame")(_velocity(True))
rpc(f"vx:float vy:float z:float {_MOVE}", name="moveByVelocityZ")(_velocity_z(False))
rpc(f"vx:float vy:float z:float {_MOVE}", name="moveByVelocityZBodyFrame")(_velocity_z(True))


def _along(
    service: Service,
    points: list[Vector],
    velocity: float,
    timeout_s: float,
    drivetrain: int,
    yaw: YawMode,
    lookahead: float,
    adaptive: float,
    vehicle: str,
) -> Task:
    options = {"forward_only": drivetrain == 1, "yaw_mode": yaw, "lookahead": lookahead, "adaptive_lookahead": adaptive}
    return service.start(vehicle, path.move_on_path, points, velocity, timeout_s, **options)


rpc(f"path:[Vector3r] velocity:float {_PATH}", name="moveOnPath")(_along)


@rpc(f"x:float y:float z:float velocity:float {_PATH}", name="moveToPosition")
def move_to_position(service: Service, x: float, y: float, z: float, velocity: float, *rest: Any) -> Task:
    """Straight to a point."""
    return _along(service, [np.array([x, y, z])], velocity, *rest)


@rpc(f"latitude:float longitude:float altitude:float velocity:float {_PATH}", name="moveToGPS")
def move_to_gps(
    service: Service, latitude: float, longitude: float, altitude: float, velocity: float, *rest: Any
) -> Task:
    """Straight to a place on the globe."""
    target = ned_of(GeoPoint(latitude, longitude, altitude), service.settings.origin)
    start = service.world_ned(service.drone(rest[-1]).origin)
    return _along(service, [target - start], velocity, *rest)


@rpc(
    "z:float velocity:float timeout_sec:float yaw_mode:YawMode lookahead:float adaptive_lookahead:float "
    "vehicle_name:str",
    name="moveToZ",
)
def move_to_z(service: Service, z: float, velocity: float, timeout_s: float, yaw: YawMode, *rest: Any) -> Task:
    """Straight up or down."""
    here = service.drone(rest[-1]).pilot.position
    return _along(service, [np.array([here[0], here[1], z])], velocity, timeout_s, 0, yaw, *rest)


@rpc("yaw:float timeout_sec:float margin:float vehicle_name:str", name="rotateToYaw")
def rotate_to_yaw(service: Service, yaw: float, timeout_s: float, margin: float, vehicle: str) -> Task:
    """Turn to a heading."""
    return service.start(vehicle, commands.rotate_to_yaw, yaw, timeout_s, margin)


@rpc("yaw_rate:float duration:float vehicle_name:str", name="rotateByYawRate")
def rotate_by_yaw_rate(service: Service, rate: float, duration: float, vehicle: str) -> Task:
    """Turn at a rate."""
    return service.start(vehicle, commands.rotate_by_yaw_rate, rate, duration)


@rpc(
    "front_right_pwm:float rear_left_pwm:float front_left_pwm:float rear_right_pwm:float duration:float "
    "vehicle_name:str",
    name="moveByMotorPWMs",
)
def move_by_motors(service: Service, a: float, b: float, c: float, d: float, duration: float, vehicle: str) -> Task:
    """Rotor signals as they are."""
    return service.start(vehicle, commands.move_by_motors, (a, b, c, d), duration)


def _attitude(name: str, parameters: str, modes: tuple[int, int, int, int]) -> None:
    def handler(
        service: Service, roll: float, pitch: float, yaw: float, last: float, duration: float, vehicle: str
    ) -> Task:
        return service.start(vehicle, commands.move_by_attitude, modes, (roll, pitch, yaw, last), duration)

    kinds = " ".join(f"{parameter}:float" for parameter in parameters.split())
    rpc(f"{kinds} duration:float vehicle_name:str", name=name)(handler)


_attitude("moveByRollPitchYawZ", "roll pitch yaw z", (ANGLE, ANGLE, ANGLE, POSITION))
_attitude("moveByRollPitchYawThrottle", "roll pitch yaw throttle", (ANGLE, ANGLE, ANGLE, PASSTHROUGH))
_attitude("moveByRollPitchYawrateThrottle", "roll pitch yaw_rate throttle", (ANGLE, ANGLE, RATE, PASSTHROUGH))
_attitude("moveByRollPitchYawrateZ", "roll pitch yaw_rate z", (ANGLE, ANGLE, RATE, POSITION))
_attitude("moveByAngleRatesZ", "roll_rate pitch_rate yaw_rate z", (RATE, RATE, RATE, POSITION))
_attitude("moveByAngleRatesThrottle", "roll_rate pitch_rate yaw_rate throttle", (RATE, RATE, RATE, PASSTHROUGH))


@rpc(f"vx_max:float vy_max:float z_min:float {_MOVE}", name="moveByManual")
def move_by_manual(
    service: Service, vx: float, vy: float, z: float, duration: float, drivetrain: int, yaw: YawMode, vehicle: str
) -> Task:
    """By the sticks that moveByRC sent last; without any the time just passes, as in AirSim."""
    options = {"forward_only": drivetrain == 1, "yaw_mode": yaw}
    return service.start(vehicle, commands.move_by_manual, vx, vy, z, duration, **options)


@rpc(
    "data:RCData vehicle_name:str", name="moveByRC", differs="the sticks always level the drone; there are no switches"
)
def move_by_rc(service: Service, remote: RemoteControl, vehicle: str) -> None:
    """Sticks in the place of a radio: they fly the drone while it is not under API control."""
    service.drone(vehicle).pilot.steer(remote)


def _gains(name: str, loop: int) -> None:
    def handler(service: Service, kp: list[float], ki: list[float], kd: list[float], vehicle: str) -> None:
        if min(len(kp), len(ki), len(kd)) < 3:
            raise HandlerError("gains need three values each")
        pilot = service.drone(vehicle).pilot
        for term, (x, y, z) in enumerate((kp[:3], ki[:3], kd[:3])):
            if loop in (VELOCITY, POSITION):  # x acts through pitch, y through roll, z through throttle
                pilot.gains[loop, term] = y, x, 0.0, z
            else:
                pilot.gains[loop, term, :3] = x, y, z
        pilot.restart_controllers()

    rpc("kp:[float] ki:[float] kd:[float] vehicle_name:str", name=name)(handler)


_gains("setAngleRateControllerGains", controller.RATE)
_gains("setAngleLevelControllerGains", controller.ANGLE)
_gains("setVelocityControllerGains", controller.VELOCITY)
_gains("setPositionControllerGains", controller.POSITION)


@rpc(
    "enable_reasons:int obs_clearance:float obs_startegy:int obs_avoidance_vel:float origin:Vector3r xy_length:float "
    "max_z:float min_z:float vehicle_name:str",
    name="setSafety",
)
def set_safety(service: Service, *_: Any) -> bool:
    """Refused, as by AirSim without a safety evaluator."""
    raise HandlerError("The setSafety call requires safety_eval_ptr_ to be set first")
