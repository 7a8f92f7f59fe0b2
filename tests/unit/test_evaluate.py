"""What an evaluation promises: the same flight to the bit from a seed, honest outcomes, nothing lost on Ctrl-C."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

from navisplit.config import FlightConfig, PolicyConfig
from navisplit.errors import RouteError, UsageError
from navisplit.evaluate import episode as record
from navisplit.evaluate import fleet, runner
from navisplit.evaluate.airspace import with_airspace
from navisplit.evaluate.crew import load_models
from navisplit.evaluate.episode import Episode, Metrics, Outcome, Picture, Sample
from navisplit.evaluate.flight import Flight, Limits, fly
from navisplit.evaluate.metrics import EnergyModel, mcnemar, newcombe_paired, soft_spl, spl, wilson
from navisplit.evaluate.summary import KEYS, git_revision, summarise
from navisplit.sim.render.renderer import RayCaster
from navisplit.sim.scene import Material, Scene, SceneObject
from navisplit.sim.weather import Weather
from navisplit.sim.worlds.routes import Route, write_routes

ORACLE = FlightConfig(branch="oracle-depth", policy=PolicyConfig(speed_mps=3.0))


def box(name, low, high, segmentation_id=20):
    """An axis-aligned box."""
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
    vertices = np.asarray(low) + corners * (np.asarray(high) - low)
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = [f for a, b, c, d in quads for f in ((a, b, c), (a, c, d))]
    split = vertices[np.array(faces).ravel()].astype(np.float32)
    normals = np.repeat(np.cross(split[1::3] - split[::3], split[2::3] - split[::3]), 3, axis=0)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    index = np.arange(len(split), dtype=np.int32).reshape(-1, 3)
    return SceneObject(name, split, index, normals.astype(np.float32), np.zeros(len(index), np.int32), segmentation_id)


def yard(*things):
    ground = box("ground", (-60, -60, -1), (60, 60, 0), 1)
    return Scene("yard", (ground, *things), (Material("grey", np.full((1, 1, 3), 0.5, np.float32)),))


def route(goal, start=(0, 0, 2), **changes):
    fields = dict(id=3, start=np.array(start, float), start_yaw=0.0, goal=np.array(goal, float), min_z=0.5, max_z=6.0)
    return Route(**{**fields, **changes})


@pytest.fixture(scope="module")
def renderer():
    posts = [box(f"post_{i}", (7 + 3 * i, y, 0), (7.5 + 3 * i, y + 0.5, 8)) for i, y in enumerate((-0.3, -1.6, 0.9))]
    return RayCaster(yard(*posts), shadow_resolution=16, ao=False)


@pytest.fixture(scope="module")
def oracle():
    return load_models(ORACLE)


def test_the_same_seed_gives_the_same_flight_to_the_bit(renderer, oracle):
    config = dataclasses.replace(ORACLE, link="lte")
    first, again = (fly(renderer, route((18, 0, 2)), config, oracle, seed=4) for _ in range(2))
    assert first.row() == again.row()
    assert (
        np.array([s.position for s in first.samples]).tobytes()
        == np.array([s.position for s in again.samples]).tobytes()
    )
    other = fly(renderer, route((18, 0, 2)), config, oracle, seed=5)
    assert other.row() != first.row()  # the link's trace is another


def test_a_flight_on_true_depth_reaches_its_goal_around_posts(renderer, oracle):
    flown = fly(renderer, route((18, 0, 2)), ORACLE, oracle, seed=0)
    m = flown.metrics
    assert flown.outcome is Outcome.SUCCESS and m.goal_distance_m <= 2.0
    assert m.frames == len(flown.samples) == pytest.approx(m.time_s * 10, abs=1.5)
    assert m.bytes == sum(s.bytes for s in flown.samples) > 0
    assert 0.15 < m.clearance_min_m < 2.0 and m.clearance_min_m <= m.clearance_p5_m
    assert 25.0 <= m.age_p50_ms < 60.0  # head 5 ms, edge 20 ms, and waiting for ticks
    assert m.path_m == pytest.approx(m.speed_mean_mps * m.time_s)
    assert flown.branch_use == {"oracle-depth": m.frames}


class Blind:
    """A policy that flies straight on."""

    def __init__(self, velocity):
        self.velocity = velocity

    def act(self, image, view, state, stamp_ns):
        from navisplit.edge.policies import Decision
        from navisplit.frames import VelocityCommand

        return Decision(VelocityCommand(np.array(self.velocity, float), 0.0), 1.0, 1.0)

    def reset(self):
        pass


def piloted(models, policy):
    return dataclasses.replace(models, make_policy=lambda config: policy)


@pytest.mark.parametrize(
    "velocity, changes, outcome, detail",
    [
        ((3, 0, 0), {}, Outcome.COLLISION, "post_0"),
        ((0, 0, 2), {}, Outcome.OUT_OF_BOUNDS, "airspace"),
        ((0, 0, 0), {}, Outcome.TIMEOUT, "after 5 s"),
        ((-2, 0, 0), {"goal": (-6, 0, 2)}, Outcome.SUCCESS, ""),
    ],
)
def test_outcomes(renderer, oracle, velocity, changes, outcome, detail):
    oracle = piloted(oracle, Blind(velocity))
    way = route(**{"goal": (20, 0, 2), **changes})
    flown = fly(renderer, way, ORACLE, oracle, seed=0, limits=Limits(5.0, 0.1))
    assert flown.outcome is outcome and detail in flown.detail
    assert flown.metrics.time_to_goal_s is None or flown.success
    if outcome is Outcome.COLLISION:
        assert flown.metrics.spl == 0.0 and 0 < flown.metrics.soft_spl < 0.6
        assert all(p.rgb_jpeg[:2] == b"\xff\xd8" and p.depth_png[:4] == b"\x89PNG" for p in flown.pictures)
        assert len(flown.pictures) > 2


def test_a_policy_that_answers_nonsense_never_reaches_the_motors(renderer, oracle):
    oracle = piloted(oracle, Blind((math.nan, 0, 0)))
    flown = fly(renderer, route((20, 0, 2)), ORACLE, oracle, seed=0, limits=Limits(1.0, 0.01))
    assert flown.outcome is Outcome.TIMEOUT and flown.metrics.path_m < 0.2
    assert flown.metrics.refused_packets == pytest.approx(10, abs=1)


def test_what_breaks_in_flight_is_an_error_episode_and_not_the_end_of_the_evaluation(renderer, oracle):
    oracle = piloted(oracle, Blind("no velocity"))
    flown = fly(renderer, route((20, 0, 2)), ORACLE, oracle, seed=0)
    assert flown.outcome is Outcome.ERROR and "ValueError" in flown.detail and flown.metrics.frames == 1


def test_a_dead_link_ends_in_the_failsafe_and_not_in_a_crash(renderer, oracle, monkeypatch):
    from navisplit.link import Link

    sent = Link.send

    def dies(self, data, now_ns):
        if now_ns < 2_000_000_000:
            sent(self, data, now_ns)

    monkeypatch.setattr(Link, "send", dies)
    flown = fly(renderer, route((40, 20, 2), start_yaw=0.46), ORACLE, oracle, seed=0)
    assert flown.outcome is Outcome.FAILSAFE
    assert 6.5 < flown.metrics.time_s < 7.5  # 5 s after the last command
    assert flown.metrics.stale_commands > 200
    assert math.isnan(flown.samples[-1].latency_ms) and flown.samples[-1].stage == "hold"


def test_the_head_sees_the_weather_of_the_flight_and_of_the_world(renderer, oracle):
    def seen(weather="", seed=0):
        config = dataclasses.replace(ORACLE, weather=weather)
        flight = Flight(renderer, route((18, 0, 2)), config, oracle, seed, Limits(), EnergyModel())
        flight.crew.oracle, pictures = None, []
        process = flight.crew.onboard.process
        flight.crew.onboard.process = lambda rgb, *a, **k: pictures.append(rgb.astype(int)) or process(rgb, *a, **k)
        flight._capture()
        flight._send()
        return pictures[0]

    clear, foggy, rain = seen("none"), seen("fog=0.8"), seen("rain=1")
    assert foggy[:60].std() < 0.5 * clear[:60].std()
    np.testing.assert_array_equal(rain, seen("rain=1"))
    assert np.abs(rain - seen("rain=1", seed=1)).max() > 20
    scene = renderer.scene
    try:
        renderer.scene = dataclasses.replace(scene, weather=Weather(fog=0.8))
        np.testing.assert_array_equal(seen(), foggy)
        np.testing.assert_array_equal(seen("none"), clear)
    finally:
        renderer.scene = scene


def test_the_routes_airspace_is_the_policys(renderer):
    policy = with_airspace(ORACLE, route((9, 0, 2), min_z=1.5, max_z=None)).policy
    assert (policy.min_z_m, policy.max_z_m) == (1.5, PolicyConfig().max_z_m)


def test_a_row_leaves_empty_what_does_not_apply(renderer, oracle):
    oracle = piloted(oracle, Blind((0, 0, 0)))
    row = fly(renderer, route((20, 0, 2)), ORACLE, oracle, seed=0, limits=Limits(1.0, 0.1)).row()
    assert row["time_to_goal_s"] == "" and row["bytes_per_metre"] == "" and row["outcome"] == "timeout"
    assert tuple(row) == record.COLUMNS


# Records and figures --------------------------------------------------------------------------------------------------


def made(route_id=1, outcome=Outcome.SUCCESS, seed=0, **changes):
    numbers = {f.name: 1.0 for f in dataclasses.fields(Metrics)}
    numbers |= dict(frames=2, bytes=300, stale_commands=0, refused_packets=0, spl=0.9, path_m=10.0)
    metrics = Metrics(**{**numbers, **changes})
    samples = (
        Sample(0.0, (0.0, 0.0, 2.0), (0.0, 0.0, 0.0), "b0", 100, 30.0),
        Sample(0.1, (0.1 + 0.2, 0.0, 2.0), (1.0, 0.0, 0.0), "b1", 200),
    )
    return Episode(route_id, seed, outcome, metrics, {"b0": 1, "b1": 1}, samples=samples, goal=(9.0, 0.0, 2.0))


def test_a_recorded_flight_reads_back_as_it_was(tmp_path):
    flown = dataclasses.replace(made(), pictures=(Picture(0.5, b"jpeg", b"", b"png", "b1"),), world="w")
    record.save(flown, tmp_path / "1.npz")
    back = record.load(tmp_path / "1.npz")
    assert repr(back) == repr(flown) and back.pictures == flown.pictures
    assert [p.name for p in tmp_path.iterdir()] == ["1.npz"]


def test_a_damaged_record_is_refused_by_name(tmp_path):
    (tmp_path / "1.npz").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(UsageError, match="1.npz is not a recorded flight"):
        record.load(tmp_path / "1.npz")


def test_the_summary_has_exactly_the_promised_keys():
    flights = [made(1), made(2, Outcome.COLLISION, spl=0.0), made(3, Outcome.TIMEOUT, spl=0.0), made(4)]
    s = summarise(flights, {"world": "w"}, 0xABC, 20.0)
    assert tuple(s) == KEYS and set(s["latency_ms"]) == {"p50", "p95", "p99"}
    assert (s["episodes"], s["success_rate"], s["collision_rate"], s["timeout_rate"]) == (4, 0.5, 0.25, 0.25)
    assert s["spl"] == pytest.approx(0.45) and s["bytes_per_frame"] == 150 and s["bytes_per_metre"] == 30
    assert s["branch_use"] == {"b0": 0.5, "b1": 0.5} and s["model_hash"] == "00000abc"
    assert s["latency_ms"]["p50"] == 30.0  # frames that nothing was flown on do not count
    assert s["outcomes"] == {"success": 2, "collision": 1, "timeout": 1} | dict.fromkeys(
        ("out_of_bounds", "failsafe", "error"), 0
    )
    late = [
        dataclasses.replace(f, metrics=dataclasses.replace(f.metrics, time_to_goal_s=t))
        for f, t in zip(flights, (8.0, None, None, 9.0), strict=True)
    ]
    assert summarise(late, {}, 0, None)["means"]["time_to_goal_s"] == {
        "mean": 8.5,
        "n": 2,
    }  # failures are not averaged in
    json.dumps(s, allow_nan=False)


def test_the_summary_of_nothing_is_not_a_number_made_up():
    s = summarise([], {}, 0, None)
    assert s["success_rate"] is None and s["success_ci95"] == [0.0, 1.0] and s["latency_ms"]["p50"] is None


def test_intervals_and_tests_against_published_numbers():
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-4)  # Newcombe 1998a, table I
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-4) and wilson(20, 20)[1] == 1.0
    assert mcnemar(1, 8) == pytest.approx(0.0390625)  # binomial tail by hand: 2 * (1 + 9) / 2**9
    assert mcnemar(0, 0) == 1.0 and mcnemar(5, 5) == 1.0
    difference, low, high = newcombe_paired(36, 12, 2, 0)  # Newcombe 1998c, table II, method 10
    assert difference == pytest.approx(0.2) and (low, high) == pytest.approx((0.0569, 0.3404), abs=2e-3)


def test_spl_rewards_short_ways_only_on_success():
    assert spl(True, 10, 20) == 0.5 and spl(True, 10, 9) == 1.0 and spl(False, 10, 10) == 0.0
    assert soft_spl(5, 10, 20) == 0.25 and soft_spl(15, 10, 20) == 0.0


def test_the_commit_is_read_without_running_git(tmp_path):
    (tmp_path / ".git" / "refs" / "heads").mkdir(parents=True)
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (tmp_path / ".git" / "packed-refs").write_text("# pack\nabc123 refs/heads/main\n")
    assert git_revision(tmp_path / "a" / "b.py") == "abc123"
    (tmp_path / ".git" / "refs" / "heads" / "main").write_text("def456\n")
    assert git_revision(tmp_path / "a" / "b.py") == "def456"


# Runner ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def stand_in(tmp_path, monkeypatch, renderer):
    """A runner whose flights cost nothing: returns (run, list of flown route ids)."""
    flown = []

    class Stub(fleet.Hangar):
        def query(self, site):
            return renderer.query

        def fly(self, job):
            if job.route.id == stop_at:
                raise KeyboardInterrupt
            flown.append(job.route.id)
            outcome = Outcome.COLLISION if job.route.id == 2 else Outcome.SUCCESS
            return made(job.route.id, outcome, job.seed, time_s=10.0).in_world(job.site.name)

    stop_at = -1
    routes, world = tmp_path / "r.csv", tmp_path / "w.sdf"
    world.write_text("a world")
    write_routes(routes, [route((18, 0, 2), id=i) for i in (0, 1, 2, 3)])

    def run(stop=-1, **changes):
        nonlocal stop_at
        stop_at = stop
        evaluation = runner.Evaluation((str(world),), str(routes), **{"flight": ORACLE, **changes})
        return runner.evaluate(evaluation, tmp_path / "out", hangar=Stub())

    return run, flown


def test_ctrl_c_keeps_what_is_finished_and_a_rerun_flies_the_rest(stand_in, tmp_path):
    run, flown = stand_in
    stopped = run(stop=2)
    assert not stopped.complete and [e.route_id for e in stopped.episodes] == [0, 1]
    assert stopped.summary["episodes"] == 2
    result = run()
    assert result.complete and flown == [0, 1, 2, 3]
    assert result.summary["success_rate"] == 0.75
    run()
    assert flown == [0, 1, 2, 3]  # nothing is flown twice
    assert [r["outcome"] for r in record.read_csv(tmp_path / "out/episodes.csv")] == ["success"] * 2 + [
        "collision",
        "success",
    ]


def test_an_evaluation_says_which_world_and_which_ways_were_flown(stand_in):
    run, _ = stand_in
    site = run().summary["config"]["sites"]["w"]
    assert site["route_ids"] == [0, 1, 2, 3] and len(site["world"]) == len(site["ways"]) == 8


def test_another_evaluation_does_not_mix_into_the_folder(stand_in, tmp_path):
    run, flown = stand_in
    run()
    with pytest.raises(UsageError, match=r"other settings \(seed differ\)"):
        run(seed=1)
    with pytest.raises(UsageError, match=r"other settings \(flight differ\)"):
        run(flight=dataclasses.replace(ORACLE, weather="rain=0.5"))
    write_routes(tmp_path / "r.csv", [route((17, 0, 2), id=i) for i in (0, 1, 2, 3)])
    with pytest.raises(UsageError, match=r"other settings \(sites differ\)"):  # the same numbers, other ways
        run()
    assert flown == [0, 1, 2, 3]


def test_a_trace_of_the_link_that_was_changed_does_not_mix_into_the_folder(stand_in, tmp_path):
    run, flown = stand_in
    trace = tmp_path / "radio.csv"
    trace.write_text("time_s,loss\n0,0\n1,0.5\n")
    recorded = dataclasses.replace(ORACLE, link=str(trace))
    assert len(run(stop=2, flight=recorded).summary["config"]["link_digest"]) == 16
    trace.write_text("time_s,loss\n0,0\n1,0.6\n")
    with pytest.raises(UsageError, match=r"other settings \(link_digest differ\)"):
        run(flight=recorded)
    assert flown == [0, 1]
    trace.write_text("# as it was\ntime_s,loss\n0,0\n1,0.5\n")
    assert run(flight=recorded).complete


def test_a_flight_survives_outages_floods_damage_and_disorder_the_same_way_each_time(renderer, oracle):
    bad = "latency=20ms,jitter=5ms,outage=0.8,every=2,backlog=1,reorder=5%,duplicate=5%,ber=1e-4"
    config = dataclasses.replace(ORACLE, link=bad)
    first, again = (fly(renderer, route((12, 0, 2)), config, oracle, seed=4, limits=Limits(8.0)) for _ in range(2))
    assert first.row() == again.row() and first.outcome is not Outcome.ERROR, first.detail
    assert first.metrics.refused_packets > 0 and first.metrics.guarded_s > 0.5
    ages = [s.latency_ms for s in first.samples if not math.isnan(s.latency_ms)]
    assert len(ages) > 20 and max(ages) <= 250 + 20  # the guard's limit, and its tick


def test_a_route_inside_an_obstacle_is_refused_before_the_first_flight(stand_in, tmp_path):
    run, flown = stand_in
    write_routes(tmp_path / "r.csv", [route((18, 0, 2), id=0), route((7.2, 0.0, 2.0), id=1)])
    with pytest.raises(RouteError, match="Route 1"):
        run()
    assert flown == []


def test_an_unknown_policy_is_refused_before_the_first_flight(stand_in, monkeypatch, tmp_path, renderer):
    config = dataclasses.replace(ORACLE, policy=PolicyConfig(name="plan"))
    with pytest.raises(UsageError, match="no policy 'plan'"):
        runner.evaluate(runner.Evaluation(("w",), str(tmp_path / "r.csv"), config), tmp_path / "out")
    assert not (tmp_path / "out").exists()
