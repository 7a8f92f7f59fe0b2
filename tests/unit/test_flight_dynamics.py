"""The quadrotor flies as AirSim's SimpleFlight does, exactly reproducibly, and much faster than real time."""

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from navisplit.frames import VelocityCommand
from navisplit.sim.flight import commands, path
from navisplit.sim.flight.commands import CommandError, YawMode
from navisplit.sim.flight.contact import FlatGround
from navisplit.sim.scene import PlayerStart, Scene
from navisplit.sim.simulation import Simulation


def simulation(**options):
    return Simulation(Scene("flat", (), (), **options), probe=FlatGround())


def hovering(height=10.0, yaw=0.0):
    sim = simulation()
    sim.vehicle().teleport(np.array([0.0, 0.0, height]), yaw)
    return sim, sim.vehicle()


def test_the_same_commands_give_the_same_flight_to_the_bit():
    def flight(slice_s):
        sim, drone = hovering()
        for velocity in ((3.0, 1.0, 0.5), (-2.0, 4.0, -0.5)):
            drone.fly(VelocityCommand(np.array(velocity), 0.5), 1.0)
            for _ in range(round(1.5 / slice_s)):
                sim.advance(slice_s)
        return drone.pilot.body.tobytes(), sim.clock_ns

    assert flight(1.5) == flight(1.5) == flight(0.003) == flight(0.015)


@given(st.lists(st.integers(0, 40_000_000), max_size=12))
@settings(max_examples=40, deadline=None)
def test_time_passes_to_the_nanosecond_and_a_flight_does_not_depend_on_its_portions(portions_ns):
    flown = []
    for cut in (portions_ns, [sum(portions_ns)]):
        sim, drone = hovering()
        drone.fly(VelocityCommand(np.array((3.0, 1.0, 0.5)), 0.5), 0.2)
        passed = 0
        for each in cut:
            sim.advance_ns(each)
            passed += each
            assert sim.clock_ns == sim.vehicle().odometry().stamp_ns == passed
        flown.append(drone.pilot.body.tobytes())
    assert flown[0] == flown[1]


def test_physics_is_at_least_fifty_times_faster_than_real_time():
    sim, drone = hovering()
    drone.fly(VelocityCommand(np.array([5.0, 0.0, 0.0])), 20.0)
    sim.advance(0.1)
    started = time.process_time()
    sim.advance(20.0)
    assert time.process_time() - started < 20.0 / 50


def test_east_is_x_and_left_is_positive_yaw():
    sim, drone = hovering(yaw=0.3)
    drone.fly(VelocityCommand(np.array([2.0, 0.0, 1.0]), 0.5), 2.0)
    sim.advance(2.0)
    odometry = drone.odometry()
    assert odometry.velocity == pytest.approx([1.98, 0.0, 1.0], abs=0.15)
    assert odometry.position[0] > 2.0 and abs(odometry.position[1]) < 0.3 and odometry.position[2] > 11.0
    assert odometry.yaw == pytest.approx(0.3 + 0.5 * 2.0, abs=0.2)
    assert odometry.angular_rate[2] == pytest.approx(0.5, abs=0.05)


def test_teleport_hovers_at_rest():
    sim, drone = hovering(height=3.0, yaw=1.0)
    sim.advance(2.0)
    odometry = drone.odometry()
    assert odometry.position == pytest.approx([0.0, 0.0, 3.0], abs=0.01)
    assert np.abs(odometry.velocity).max() < 0.01
    assert odometry.yaw == pytest.approx(1.0)


def test_it_starts_on_the_ground_at_the_player_start():
    sim = simulation(player_start=PlayerStart((4.0, 5.0, 0.0), 0.7))
    sim.advance(1.0)
    odometry = sim.vehicle().odometry()
    assert odometry.position.tolist() == [4.0, 5.0, 0.0]
    assert odometry.yaw == pytest.approx(0.7)
    assert sim.vehicle().pilot.landed


def test_a_newer_command_supersedes_with_false():
    sim, drone = hovering()
    first = drone.fly(VelocityCommand(np.array([1.0, 0.0, 0.0])), 5.0)
    sim.advance(1.0)
    second = drone.fly(VelocityCommand(np.array([0.0, 1.0, 0.0])), 1.0)
    assert (first.done, first.result, second.done) == (True, False, False)
    sim.advance(1.1)
    assert (second.done, second.result) == (True, True)


def test_reset_ends_the_command_and_goes_back_to_the_start():
    sim, drone = hovering()
    task = drone.fly(VelocityCommand(np.array([1.0, 0.0, 0.0])), 5.0)
    sim.advance(1.0)
    sim.reset()
    assert (task.done, task.result) == (True, False)
    assert drone.position.tolist() == [0.0, 0.0, 0.0]
    assert not drone.pilot.api_control and drone.pilot.landed
    assert sim.clock_ns > 0


def test_after_a_command_the_position_is_held():
    sim, drone = hovering(yaw=math.pi / 2)  # facing north, where position hold has its full gain
    drone.fly(VelocityCommand(np.array([0.0, 3.0, 0.0])), 3.0)
    sim.advance(3.0)
    reached = drone.position
    sim.advance(15.0)
    assert np.linalg.norm(drone.odometry().velocity) < 0.1
    assert np.linalg.norm(drone.position - reached) < 1.0


def test_without_api_control_a_move_runs_its_time_and_does_nothing():
    sim = simulation()
    drone = sim.vehicle()
    task = drone.start(commands.move_by_velocity(drone.pilot, (1.0, 0.0, -1.0), 1.0))
    sim.advance(1.1)
    assert (task.done, task.result) == (True, True)
    assert drone.position.tolist() == [0.0, 0.0, 0.0]


def test_arming_needs_api_control_and_disarming_does_not_stop_a_later_move():
    sim = simulation()
    pilot = sim.vehicle().pilot
    assert not pilot.arm(True)
    pilot.enable_api_control(True)
    assert pilot.arm(True) and pilot.arm(False)
    sim.vehicle().start(commands.move_by_velocity(pilot, (0.0, 0.0, -1.0), 2.0))
    sim.advance(2.0)
    assert sim.vehicle().position[2] > 1.0


def test_disarmed_on_the_ground_is_landed():
    sim = simulation()
    drone = sim.vehicle()
    drone.takeoff()
    sim.advance(4.0)
    landing = drone.land()
    sim.advance(12.0)
    assert landing.result and drone.position[2] == pytest.approx(0.0, abs=1e-3)
    assert not drone.pilot.landed  # AirSim keeps saying "flying" until the rotors idle
    drone.pilot.arm(False)
    sim.advance(0.5)
    assert drone.pilot.landed


def test_a_nonpositive_duration_ends_at_once():
    _, drone = hovering()
    pilot = drone.pilot
    assert drone.start(commands.move_by_velocity(pilot, (1.0, 0.0, 0.0), 0.0)).result is True
    assert drone.start(commands.move_by_velocity_z(pilot, 1.0, 0.0, -5.0, -1.0)).result is False


def test_hover_and_short_hops_end_at_once_with_false():
    _, drone = hovering()
    for task in (drone.hover(), drone.move_to(np.array([0.3, 0.0, 10.0]), 3.0)):
        assert (task.done, task.result) == (True, False)


def test_takeoff_is_refused_while_moving():
    sim, drone = hovering()
    drone.fly(VelocityCommand(np.array([3.0, 0.0, 0.0])), 5.0)
    sim.advance(2.0)
    task = drone.takeoff()
    assert task.done and isinstance(task.error, CommandError)
    assert "already moving with velocity" in str(task.error)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"lookahead": 0.0}, "lookahead distance cannot be 0"),
        ({"lookahead": 0.05}, "too small for velocity"),
        ({"lookahead": 0.3}, "smaller than drone's distance accuracy"),
        ({"forward_only": True}, "Yaw cannot be specified as rate"),
    ],
)
def test_a_path_is_refused_in_airsims_words(options, text):
    _, drone = hovering()
    task = drone.start(path.move_on_path(drone.pilot, [np.array([20.0, 0.0, -10.0])], 5.0, **options))
    assert text in str(task.error)


def test_a_square_is_flown_around_with_cut_corners():
    sim, drone = hovering()
    corners = [np.array(c, float) for c in ((20, 0, 10), (20, 20, 10), (0, 20, 10), (0, 0, 10))]
    task = drone.move_on_path(corners, 5.0)
    places = []
    while not task.done and sim.clock_ns < 40e9:
        sim.advance(0.1)
        places.append(drone.position)
    assert task.result
    for corner in corners:
        assert np.linalg.norm(np.array(places) - corner, axis=1).min() < 2.5


def test_body_frame_velocity_is_turned_by_the_yaw_at_the_start():
    sim, drone = hovering(yaw=0.0)  # facing east
    drone.start(
        commands.move_by_velocity(drone.pilot, (2.0, 0.0, 0.0), 3.0, body_frame=True, yaw_mode=YawMode(True, 30.0))
    )
    sim.advance(3.0)
    assert drone.position[0] > 3.0 and abs(drone.position[1]) < 0.5


def test_velocity_at_a_height_reaches_the_height():
    sim, drone = hovering()
    drone.start(commands.move_by_velocity_z(drone.pilot, 3.0, 0.0, -12.0, 5.0))
    sim.advance(5.0)
    assert drone.position[2] == pytest.approx(12.0, abs=0.2)
    assert drone.position[1] > 8.0  # north


def test_attitude_and_motors_are_flown_as_given():
    sim, drone = hovering()
    modes = (commands.ANGLE, commands.ANGLE, commands.ANGLE, commands.PASSTHROUGH)
    drone.start(commands.move_by_attitude(drone.pilot, modes, (0.0, -0.2, 0.0, 0.6), 1.0))
    sim.advance(1.0)
    assert drone.pilot.velocity[0] > 0.5
    drone.start(commands.move_by_motors(drone.pilot, (0.62,) * 4, 1.0))
    sim.advance(0.5)
    assert drone.pilot.rotors[0] == pytest.approx([0.62] * 4)


def test_the_thinner_the_air_the_less_the_lift():
    low, high = simulation(), simulation()
    high.vehicle().pilot.air[3] = 3000.0
    assert high.vehicle().pilot.hover_signal > low.vehicle().pilot.hover_signal == pytest.approx(0.5935, abs=1e-3)


def test_wind_carries_a_level_drone_away():
    sim, drone = hovering()
    drone.pilot.air[0:3] = (8.0, 0.0, 0.0)  # towards north
    drone.start(commands.move_by_motors(drone.pilot, (drone.pilot.hover_signal,) * 4, 2.0))
    sim.advance(2.0)
    assert drone.position[1] > 0.1
