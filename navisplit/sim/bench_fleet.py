"""How fast many drones fly and how long a lidar's sweep takes, on one core: rows of ``navisplit bench sim``."""

from __future__ import annotations

import math
import time

import numpy as np

from navisplit.frames import VelocityCommand
from navisplit.sim.render.query import SceneQuery
from navisplit.sim.scene import Scene
from navisplit.sim.sensors.specs import LidarSpec
from navisplit.sim.settings import Settings, VehicleSettings
from navisplit.sim.simulation import Simulation

SPACING_M, ABOVE_M = 4.0, 2.0  # of the drones' grid over the scene's middle
STEPS_A_CALL = 1  # as a server with a real-time clock takes them


def bench_fleet(scene: Scene, *, drones: int = 100, seconds: float = 2.0, seed: int = 0) -> dict[str, float]:
    """CPU time of this thread; each drone flies its own velocity at the height of what is below, and may hit."""
    query = SceneQuery(scene)
    lidar = {"lidar": LidarSpec()}
    setups = {f"D{k}": VehicleSettings(sensors=lidar) for k in range(drones)}
    simulation = Simulation(scene, probe=query, settings=Settings(vehicles=setups))
    rng = np.random.default_rng(seed)
    low, high = np.percentile(query.vertices, 20, axis=0), np.percentile(query.vertices, 80, axis=0)
    side = math.ceil(math.sqrt(drones))
    for k, drone in enumerate(simulation.vehicles):
        x, y = (low[:2] + high[:2]) / 2 + (np.array([k % side, k // side]) - side / 2) * SPACING_M
        top = float(query.vertices[:, 2].max()) + 1.0
        ground = top - float(query.cast([[x, y, top]], [[0.0, 0.0, -1.0]], 1e4)[0][0])
        drone.teleport(np.array([x, y, ground + ABOVE_M]), rng.uniform(-math.pi, math.pi))
        drone.fly(VelocityCommand(np.array([*rng.uniform(-3.0, 3.0, 2), 0.0])), 1e6)
    simulation.advance(0.1)
    started = time.thread_time()
    for _ in range(round(seconds / (STEPS_A_CALL * 0.003))):
        simulation.steps(STEPS_A_CALL)
    flown_s = time.thread_time() - started
    sweeps = [_sweep_ms(simulation, k) for k in range(min(drones, 10))]
    return {
        "drones": float(drones),
        "drones_times_real_time": seconds / flown_s,
        "drones_collisions": float(sum(drone.collision_count for drone in simulation.vehicles)),
        "lidar_sweep_ms": float(np.median(sweeps)),
    }


def _sweep_ms(simulation: Simulation, number: int) -> float:
    """Of a lidar with AirSim's default 16 channels, 100,000 points/s and 10 sweeps/s."""
    drone = simulation.vehicles[number]
    started = time.thread_time()
    drone.sensors.lidar("", lambda: simulation.surroundings_of(drone))
    return (time.thread_time() - started) * 1e3
