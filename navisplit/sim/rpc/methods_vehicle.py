"""Vehicles: which there are, their control, state, pose and collision; and the sensors of a vehicle."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from navisplit.errors import UsageError
from navisplit.frames import Quaternion, Vector, euler_of, swap_ned_enu
from navisplit.sim import geodesy
from navisplit.sim.flight import quadrotor
from navisplit.sim.flight.autopilot import Kinematics
from navisplit.sim.rpc import structs
from navisplit.sim.rpc.service import (
    MAX_ACCELERATION,
    MAX_DISTANCE_M,
    MAX_NAME,
    MAX_RATE,
    MAX_SPEED,
    MAX_VEHICLES,
    Service,
    bounded,
    printable,
    unit,
)
from navisplit.sim.rpc.structs import Struct
from navisplit.sim.rpc.table import rpc


@rpc(name="listVehicles")
def list_vehicles(service: Service) -> list[str]:
    """Names, in alphabetical order, as AirSim has them."""
    return sorted(vehicle.name for vehicle in service.simulation.vehicles)


@rpc("vehicle_name:str vehicle_type:str pose:Pose pawn_path:str", name="simAddVehicle",
     differs="the type of settings.json's SimMode only; a name that is taken is refused with False")  # fmt: skip
def add_vehicle(service: Service, name: str, kind: str, pose: tuple[Vector, Quaternion], pawn_path: str) -> bool:
    """One more vehicle at a pose of the world (only its yaw counts), with the cameras of ``CameraDefaults``."""
    position, turn = np.nan_to_num(pose[0], posinf=0.0, neginf=0.0), unit(pose[1])
    yaw = 0.0 if turn is None else euler_of(turn)[2]
    full = len(service.simulation.vehicles) >= MAX_VEHICLES
    expected = service.settings.vehicle_type
    if kind.lower() != expected.lower() or full or np.abs(position).max() > MAX_DISTANCE_M:
        service.notify(
            f"simAddVehicle: expected type {expected}, at most {MAX_VEHICLES} vehicles and a place within "
            f"{MAX_DISTANCE_M / 1000:.0f} km, got type {printable(kind)!r} at {position.tolist()}."
        )
        return False
    setup = replace(service.settings.template, position=position, yaw_deg=math.degrees(yaw))
    try:
        service.simulation.add_vehicle(printable(name, MAX_NAME), setup)
    except UsageError as error:
        service.notify(f"simAddVehicle: {error}")
        return False
    return True


@rpc("is_enabled:bool vehicle_name:str", name="enableApiControl")
def enable_api_control(service: Service, enabled: bool, vehicle: str) -> None:
    """Take or release control."""
    service.drone(vehicle).pilot.enable_api_control(enabled)


@rpc("vehicle_name:str", name="isApiControlEnabled")
def is_api_control_enabled(service: Service, vehicle: str) -> bool:
    """Whether commands reach the vehicle."""
    return service.drone(vehicle).pilot.api_control


@rpc("arm:bool vehicle_name:str", name="armDisarm")
def arm_disarm(service: Service, arm: bool, vehicle: str) -> bool:
    """Arm or idle the rotors."""
    return service.drone(vehicle).pilot.arm(arm)


@rpc("vehicle_name:str", name="getMultirotorState")
def multirotor_state(service: Service, vehicle: str) -> Struct:
    """State as estimated, which is the truth here as in SimpleFlight."""
    drone = service.drone(vehicle)
    return structs.multirotor_state(drone.pilot, service.geo_point(drone))


@rpc("vehicle_name:str", name="getRotorStates")
def rotor_states(service: Service, vehicle: str) -> Struct:
    """Thrust, torque and speed of each rotor."""
    pilot = service.drone(vehicle).pilot
    rotors = [
        {
            "thrust": signal * quadrotor.MAX_THRUST,
            "torque_scaler": signal * quadrotor.MAX_TORQUE * (-1.0 if number < 2 else 1.0),
            "speed": signal**0.5 * quadrotor.MAX_SPEED,
        }
        for number, signal in enumerate(pilot.rotors[quadrotor.FILTERED].tolist())
    ]
    return {"rotors": rotors, "timestamp": pilot.clock_ns}


@rpc("vehicle_name:str", name="simGetGroundTruthKinematics")
def ground_truth_kinematics(service: Service, vehicle: str) -> Struct:
    """The true state."""
    return structs.kinematics(service.vehicle(vehicle).pilot.kinematics())


@rpc("state:KinematicsState ignore_collision:bool vehicle_name:str", name="simSetKinematics",
     differs="NaN in the pose keeps a value")  # fmt: skip
def set_kinematics(service: Service, state: Kinematics, ignore_collision: bool, vehicle: str) -> None:
    """Put the vehicle into a state; as in AirSim, collisions on the way never count."""
    drone = service.vehicle(vehicle)
    bounded("linear_velocity", state.linear_velocity, MAX_SPEED)
    bounded("angular_velocity", state.angular_velocity, MAX_RATE)
    for name in ("linear_acceleration", "angular_acceleration"):
        bounded(name, getattr(state, name), MAX_ACCELERATION)
    service.place(drone, state.position, state.orientation, swept=False)
    body = drone.pilot.body
    body[7:10], body[10:13] = state.linear_velocity, state.angular_velocity
    body[13:16], body[16:19] = state.linear_acceleration, state.angular_acceleration


@rpc("vehicle_name:str", name="simGetGroundTruthEnvironment")
def ground_truth_environment(service: Service, vehicle: str) -> Struct:
    """Air and gravity where the vehicle is."""
    drone = service.vehicle(vehicle)
    place = service.geo_point(drone)
    return {
        "position": structs.vector(drone.pilot.position),
        "geo_point": structs.geo_point(place),
        "gravity": structs.vector(np.array([0.0, 0.0, quadrotor.GRAVITY])),
        "air_pressure": geodesy.pressure_pa(place.altitude),
        "temperature": geodesy.temperature_k(place.altitude),
        "air_density": geodesy.air_density(place.altitude),
    }


@rpc("vehicle_name:str", name="simGetVehiclePose")
def vehicle_pose(service: Service, vehicle: str) -> Struct:
    """Pose relative to the start."""
    pilot = service.vehicle(vehicle).pilot
    return structs.pose(pilot.position, pilot.orientation)


@rpc("pose:Pose ignore_collision:bool vehicle_name:str", name="simSetVehiclePose",
     differs="NaN keeps a value, as documented; AirSim's multirotor is poisoned by it")  # fmt: skip
def set_vehicle_pose(service: Service, pose: tuple[Vector, Quaternion], ignore_collision: bool, vehicle: str) -> None:
    """Teleport, keeping the velocity; unless collisions are ignored, it stops at what is in its way."""
    service.place(service.vehicle(vehicle), *pose, swept=not ignore_collision)


@rpc("vehicle_name:str", name="simGetCollisionInfo")
def collision_info(service: Service, vehicle: str) -> Struct:
    """The newest contact; reading clears has_collided."""
    drone = service.vehicle(vehicle)
    contact, unread = service.last_contact(drone)
    if not contact.has_collided:
        return structs.collision()
    return structs.collision(
        unread,
        penetration=contact.penetration,
        stamp_ns=contact.stamp_ns,
        normal=swap_ned_enu(contact.normal),
        point=swap_ned_enu(contact.point - drone.origin),
        position=swap_ned_enu(contact.position - drone.origin),
        object_name=contact.object_name,
        object_id=service.label_of(contact.object_name),  # AirSim: the custom depth stencil's value
    )


@rpc("vehicle_name:str", name="getHomeGeoPoint")
def home_geo_point(service: Service, vehicle: str) -> Struct:
    """Where the vehicle started."""
    start = service.world_ned(service.drone(vehicle).origin)
    return structs.geo_point(geodesy.geo_of(start, service.settings.origin))
