"""Figures of AirSim 1.8.1's own SimpleFlight, measured on the real stack (docs/simulator.md), hold here."""

import csv
import json

import numpy as np
import pytest

from navisplit.cli.main import main
from navisplit.errors import UsageError
from navisplit.frames import euler_of
from navisplit.sim.flight import commands, path
from navisplit.sim.flight.commands import YawMode
from navisplit.sim.flight.contact import FlatGround
from navisplit.sim.flight.trace_check import COLUMNS, compare_all, read_traces
from navisplit.sim.flight.vehicle import Vehicle


def standing():
    drone = Vehicle("d", FlatGround(), origin=np.zeros(3), yaw=np.pi / 2)  # heading north: NED's x
    drone.pilot.enable_api_control(True)
    return drone


def hovering(down=-10.0):
    drone = standing()
    drone.teleport(np.array([0.0, 0.0, -down]), np.pi / 2)
    return drone


class Flight:
    """A command flown to its end, sampled every step: times (N,) s since its start, NED, degrees."""

    def __init__(self, drone, routine, after_s=0.0):
        pilot = drone.pilot
        zero = pilot.time_ns
        task = drone.start(routine)
        rows = [[*pilot.position, *pilot.velocity, *np.degrees(euler_of(pilot.orientation)), pilot.angular_rate[2]]]
        steps_left = round(after_s / 0.003)
        self.duration = 0.0
        while not task.done or steps_left > 0:
            steps_left -= task.done
            drone.advance(1)
            rows.append([*pilot.position, *pilot.velocity, *np.degrees(euler_of(pilot.orientation)), 0.0])
            rows[-1][-1] = np.degrees(pilot.angular_rate[2])
            if not task.done:
                self.duration = (pilot.time_ns - zero) / 1e9
        self.rows = np.array(rows)
        self.result = task.result

    def at(self, seconds, column):
        return [float(self.rows[round(s / 0.003), column]) for s in np.atleast_1d(seconds)]

    def end(self, column):
        return float(self.rows[round(self.duration / 0.003), column])


X, Z, VX, VY, VZ, YAW, TURN = 0, 2, 3, 4, 5, 8, 9


def test_takeoff_climbs_as_recorded_and_returns_false():
    drone = standing()
    flight = Flight(drone, path.takeoff(drone.pilot, 20.0), after_s=3.0)
    assert not flight.result and flight.duration == pytest.approx(3.39, abs=0.03)
    assert flight.at([0.5, 1.0, 2.0, 3.0], Z) == pytest.approx([-0.19, -0.43, -0.91, -1.40], abs=0.02)
    assert flight.end(Z) == pytest.approx(-1.54, abs=0.02) and flight.rows[-1, Z] == pytest.approx(-1.53, abs=0.02)
    again = Flight(drone, path.takeoff(drone.pilot, 20.0))
    assert again.end(Z) - flight.rows[-1, Z] == pytest.approx(-1.5, abs=0.06) and not again.result


@pytest.mark.parametrize("start", [(5.0, 5.0, -20.0), (-15.0, 3.0, -8.0), (8.0, 4.0, -0.6), (10.0, 0.0, -5.0)])
@pytest.mark.parametrize("yaw", [0.3, -2.0])
def test_a_slanting_way_home_ends_near_it_in_the_time_of_flight(start, yaw):
    drone = standing()
    drone.teleport(np.array([start[1], start[0], -start[2]]), yaw)
    flight = Flight(drone, path.go_home(drone.pilot, 600.0))
    assert flight.duration < np.linalg.norm(start) / 0.5 + 10.0
    assert np.linalg.norm(drone.pilot.position) < 0.55


@pytest.mark.parametrize(
    ("speed", "reached", "after_1s", "tilt"),
    [(1.0, 0.99, 0.67, 5.2), (2.0, 1.98, 1.39, 9.6), (5.0, 4.86, 3.53, 23.5), (8.0, 7.66, 5.75, 31.5)],
)
def test_a_velocity_is_reached_as_recorded(speed, reached, after_1s, tilt):
    drone = hovering()
    flight = Flight(drone, commands.move_by_velocity(drone.pilot, (speed, 0.0, 0.0), 6.0))
    assert flight.result and flight.duration == pytest.approx(6.0, abs=0.03)
    assert flight.end(VX) == pytest.approx(reached, abs=0.03)
    assert flight.at(1.0, VX) == pytest.approx([after_1s], rel=0.08)  # the recorded start was not quite at rest
    assert np.abs(flight.rows[:, 7]).max() == pytest.approx(tilt, rel=0.08)


def test_after_a_velocity_it_swings_back_as_recorded():
    drone = hovering()
    flight = Flight(drone, commands.move_by_velocity(drone.pilot, (5.0, 0.0, 0.0), 6.0), after_s=4.0)
    speeds = flight.at(flight.duration + np.array([0.25, 0.5, 1.0, 1.5, 2.0, 3.0]), VX)
    assert speeds == pytest.approx([4.34, 2.77, 0.80, -1.17, -2.33, -1.30], abs=0.15)


def test_a_climb_is_flown_as_recorded():
    drone = hovering()
    flight = Flight(drone, commands.move_by_velocity(drone.pilot, (0.0, 0.0, -2.0), 3.0))
    assert flight.at(0.25, VZ) == pytest.approx([-1.5], abs=0.1)
    assert flight.end(VZ) == pytest.approx(-2.02, abs=0.02)


def test_moves_to_a_position_end_in_flight_as_recorded():
    drone = hovering(-11.09)
    drone.pilot.position[0] = -5.46
    there = Flight(drone, path.move_on_path(drone.pilot, [np.array([20.0, 0.0, -10.0])], 5.0), after_s=4.0)
    assert there.result and there.duration == pytest.approx(6.19, abs=0.2)
    assert there.end(X) == pytest.approx(20.19, abs=0.1) and there.end(VX) == pytest.approx(4.56, abs=0.2)
    assert there.rows[:, X].max() == pytest.approx(22.5, abs=0.2)
    back = Flight(drone, path.move_on_path(drone.pilot, [np.array([10.0, 0.0, -10.0])], 2.0))
    assert back.result and back.duration == pytest.approx(6.32, abs=0.2)
    assert back.end(VX) == pytest.approx(-1.6, abs=0.1)
    hop = Flight(drone, path.move_on_path(drone.pilot, [drone.pilot.position + [0.3, 0.0, 0.0]], 3.0))
    assert (hop.result, hop.duration) == (False, 0.0)


@pytest.mark.parametrize(("target", "seconds", "reached"), [(90.0, 2.94, 87.5), (-170.0, 2.93, -173.0)])
def test_turns_to_a_heading_end_as_recorded(target, seconds, reached):
    drone = hovering()
    if target < 0:
        Flight(drone, commands.rotate_to_yaw(drone.pilot, 90.0, 60.0, 5.0), after_s=1.0)
    flight = Flight(drone, commands.rotate_to_yaw(drone.pilot, target, 60.0, 5.0))
    assert flight.result and flight.duration == pytest.approx(seconds, abs=0.1)
    assert flight.end(YAW) == pytest.approx(reached, abs=0.5)


@pytest.mark.parametrize(
    ("rate", "duration", "rates"), [(30.0, 3.0, (8.8, 18.0, 26.0, 29.0)), (180.0, 2.0, (38.0, 90.0, 146.0, 176.0))]
)
def test_a_yaw_rate_builds_up_as_recorded(rate, duration, rates):
    drone = hovering()
    flight = Flight(drone, commands.rotate_by_yaw_rate(drone.pilot, rate, duration))
    assert flight.result
    assert flight.at([0.1, 0.25, 0.5, 1.0], TURN) == pytest.approx(rates, rel=0.1)


def test_forward_only_turns_the_nose_into_the_way():
    drone = hovering()
    yaw = YawMode(False, 0.0)
    flight = Flight(
        drone, commands.move_by_velocity(drone.pilot, (3.0, 3.0, 0.0), 5.0, forward_only=True, yaw_mode=yaw)
    )
    assert flight.end(YAW) == pytest.approx(45.0, abs=0.3)
    assert (flight.end(VX), flight.end(VY)) == pytest.approx((2.93, 2.93), abs=0.05)


def test_a_height_is_reached_while_flying_a_velocity():
    drone = hovering(-7.5)
    flight = Flight(drone, commands.move_by_velocity_z(drone.pilot, 3.0, 0.0, -12.0, 5.0))
    assert flight.result and flight.end(Z) == pytest.approx(-11.96, abs=0.1)
    assert flight.end(VX) == pytest.approx(2.64, abs=0.2)


def test_going_home_and_landing_take_as_long_as_recorded():
    drone = hovering(-12.8)
    home = Flight(drone, path.go_home(drone.pilot, 1e6), after_s=1.0)
    assert not home.result and home.duration == pytest.approx(24.7, abs=0.3)
    assert home.end(Z) == pytest.approx(-0.46, abs=0.03)
    drone = hovering(-5.0)
    landing = Flight(drone, commands.land(drone.pilot, 60.0))
    assert landing.result and landing.duration == pytest.approx(25.4 - 0.28 / 0.203 + 0.4, abs=0.3)  # from -5.28
    assert landing.at(20.0, VZ) == pytest.approx([0.203], abs=1e-3)
    assert not drone.pilot.landed and drone.pilot.grounded


# The benchmark ------------------------------------------------------------------------------------------------------
def recording(file, spoil=1.0):
    """Our own take-off and flight, written as a recording; speeds are multiplied by ``spoil``."""
    drone = standing()
    rows = []
    for name, routine in (
        ("takeoff", path.takeoff(drone.pilot, 20.0)),
        ("vel_x_5", commands.move_by_velocity(drone.pilot, (5.0, 0.0, 0.0), 6.0)),
    ):
        task = drone.start(routine)
        for segment in (name, f"{name}+after"):
            for _ in range(70 if segment != name else 10_000):
                p = drone.pilot
                angles = np.degrees(euler_of(p.orientation))
                state = [*p.position, *p.velocity * spoil, *angles, np.degrees(p.angular_rate[2])]
                rows.append([p.time_ns / 1e9, segment, *state])
                if task.done and segment == name:
                    break
                drone.advance(14)
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["t", "segment", *COLUMNS[1:]])
        writer.writerows(rows)
    return file


def test_the_benchmark_passes_what_flies_like_us_and_fails_what_does_not(tmp_path, capsys):
    good = recording(tmp_path / "good.csv")
    found = compare_all(read_traces(good))
    assert [c.name for c in found] == ["takeoff", "takeoff+after", "vel_x_5", "vel_x_5+after"]
    assert all(c.passed and c.position_m < 0.06 for c in found)
    assert main(["bench", "flight", "--trace", str(good)]) == 0
    assert "4 of 4 within" in capsys.readouterr().out


def test_the_benchmark_as_json_and_its_exit_code(tmp_path, capsys):
    file = recording(tmp_path / "fast.csv", spoil=1.2)
    assert main(["bench", "flight", "--trace", str(file), "--json"]) == 1
    rows = json.loads(capsys.readouterr().out)
    assert [row["passed"] for row in rows] == [True, True, False, False]
    assert {"duration_s", "recorded_duration_s", "returned", "passed"} <= set(rows[0])


def test_a_file_that_is_no_recording_is_refused_with_the_columns_expected(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UsageError, match="not a recording.*segment, t, x"):
        read_traces(tmp_path / "x.csv")
    with pytest.raises(UsageError, match="There is no file"):
        read_traces(tmp_path / "y.csv")
