"""Promises of the link model: rates and delays as the profile says, same seed same link, bounded queues."""

import dataclasses
import math

import numpy as np
import pytest

from navisplit.errors import ConfigError, UsageError
from navisplit.link import Link, Profile, profile, shipped_profiles

PROFILES = shipped_profiles()
MS = 1_000_000
S = 1_000_000_000


def link(seed: int = 0, **changes) -> Link:
    return Link(Profile("test", **changes), np.random.default_rng(seed))


def run(radio: Link, packets: int, period_ns: int = 10 * MS, size: int = 100) -> list[int]:
    """Send numbered packets at a steady rate; the numbers in the order of their arrival."""
    arrived = []
    for number in range(packets):
        arrived += radio.receive(number * period_ns)
        radio.send(number.to_bytes(4, "little") + bytes(size - 4), number * period_ns)
    arrived += radio.receive(packets * period_ns + 100 * S)
    return [int.from_bytes(data[:4], "little") for data in arrived]


def runs_of_missing(arrived: list[int], packets: int) -> np.ndarray:
    """Lengths of the bursts of lost packets."""
    lost = np.ones(packets + 2, int)
    lost[[0, -1]] = 0
    lost[np.array(arrived) + 1] = 0
    edges = np.flatnonzero(np.diff(lost))
    return edges[1::2] - edges[::2]


def test_the_ideal_link_delivers_everything_at_once_and_in_order():
    radio = Link(profile("none"), np.random.default_rng(0))
    for number in range(5):
        radio.send(bytes((number,)), now_ns=7)
    assert radio.next_arrival_ns == 7
    assert radio.receive(7) == [bytes((n,)) for n in range(5)]
    assert radio.next_arrival_ns is None and radio.receive(10**18) == []
    assert (radio.stats.sent_packets, radio.stats.sent_bytes, radio.stats.lost_packets) == (5, 5, 0)


def test_latency_is_exact_without_jitter():
    radio = link(latency_s=0.030)
    radio.send(b"x", 1000)
    assert radio.next_arrival_ns == 1000 + 30 * MS
    assert radio.receive(1000 + 30 * MS - 1) == [] and radio.receive(1000 + 30 * MS) == [b"x"]


def test_time_on_air_is_bytes_over_bandwidth_and_packets_wait_for_each_other():
    radio = link(bandwidth_bps=8000.0, overhead_bytes=28)  # 1 byte a millisecond
    radio.send(bytes(72), 0)
    radio.send(bytes(22), 0)
    assert radio.next_arrival_ns == 100 * MS
    assert len(radio.receive(100 * MS)) == 1
    assert radio.next_arrival_ns == 150 * MS


def test_a_full_queue_drops_the_newest_and_the_delay_stays_bounded():
    radio = link(bandwidth_bps=80_000.0, queue_bytes=3000, overhead_bytes=0)
    for _ in range(100):
        radio.send(bytes(1000), 0)
    assert radio.stats.dropped_packets == 97
    assert len(radio.receive(300 * MS)) == 3 and radio.next_arrival_ns is None
    radio.send(bytes(1000), 300 * MS)  # room again
    assert radio.stats.dropped_packets == 97


def test_throughput_never_exceeds_the_bandwidth():
    radio = link(bandwidth_bps=400_000.0)  # fault 7: collapse to 50 kB/s
    arrived = 0
    for number in range(1000):
        radio.send(bytes(1000), number * 10 * MS)
        arrived += sum(map(len, radio.receive(number * 10 * MS)))
    assert 0.95 * 50_000 * 1000 / 1028 < arrived / 10.0 <= 50_000


@pytest.mark.parametrize("rate", [0.05, 0.3])
def test_independent_loss_has_its_rate_and_no_bursts(rate):
    arrived = run(Link(PROFILES["none"].with_loss(rate), np.random.default_rng(1)), 20_000)
    assert 1 - len(arrived) / 20_000 == pytest.approx(rate, abs=4 * math.sqrt(rate / 20_000))
    assert runs_of_missing(arrived, 20_000).mean() == pytest.approx(1 / (1 - rate), rel=0.05)


def test_burst_loss_has_its_rate_and_its_burst_length():
    lossy = PROFILES["none"].with_loss(0.3, burst_s=0.2)
    assert lossy.loss_rate == pytest.approx(0.3)
    arrived = run(Link(lossy, np.random.default_rng(2)), 100_000)
    assert 1 - len(arrived) / 100_000 == pytest.approx(0.3, abs=0.02)
    # Exponential fades of mean 200 ms seen every 10 ms: 1 / (1 - exp(-1/20)) packets
    assert runs_of_missing(arrived, 100_000).mean() == pytest.approx(20.5, rel=0.08)


def test_both_states_lose_with_their_own_rates():
    radio = link(3, good_s=1.0, bad_s=1.0, loss_good=0.1, loss_bad=0.7)
    assert radio.profile.loss_rate == pytest.approx(0.4)
    assert 1 - len(run(radio, 100_000)) / 100_000 == pytest.approx(0.4, abs=0.02)


def test_jitter_has_its_mean_and_alone_reorders():
    radio = link(4, latency_s=0.05, jitter_s=0.02)
    arrived = run(radio, 5000)
    assert sorted(arrived) == list(range(5000)) and arrived != sorted(arrived)
    delays = []
    radio = link(5, latency_s=0.05, jitter_s=0.02)
    for number in range(5000):
        radio.send(b"x", number * 10 * S)
        delays.append(radio.next_arrival_ns - number * 10 * S)
        radio.receive(radio.next_arrival_ns)
    assert np.mean(delays) / 1e9 == pytest.approx(0.07, rel=0.02) and min(delays) >= 50 * MS
    steady = run(link(4, latency_s=0.05, bandwidth_bps=1e6), 1000)
    assert steady == sorted(steady)


def test_duplicates_have_their_rate():
    radio = link(6, duplicate=0.1, jitter_s=0.001)
    arrived = run(radio, 20_000)
    assert len(arrived) - 20_000 == radio.stats.duplicated_packets
    assert radio.stats.duplicated_packets / 20_000 == pytest.approx(0.1, abs=0.01)
    assert radio.stats.received_packets == len(arrived)
    radio = link(6, duplicate=1.0, jitter_s=0.001)
    radio.send(b"x", 0)
    assert len(radio.receive(radio.next_arrival_ns)) == 1, "a duplicate takes its own time"


@pytest.mark.parametrize("name", PROFILES)
def test_the_same_seed_gives_the_same_link_and_another_seed_another(name):
    def arrivals(seed: int) -> list[tuple[int | None, int]]:
        radio = Link(profile(name), np.random.default_rng(seed))
        out = []
        for number in range(3000):
            radio.send(bytes(100), number * 20 * MS)
            out.append((radio.next_arrival_ns, len(radio.receive(number * 20 * MS))))
        return out

    assert arrivals(1) == arrivals(1)
    if name != "none":
        assert arrivals(1) != arrivals(2)


def test_fades_do_not_depend_on_what_is_sent():
    """A paired comparison of branches must meet the same fades with 1 packet a frame and with 3."""

    def lost_frames(packets_a_frame: int) -> list[bool]:
        radio = Link(PROFILES["none"].with_loss(0.3, burst_s=0.5), np.random.default_rng(8))
        out = []
        for number in range(2000):
            for _ in range(packets_a_frame):
                radio.send(bytes(10), number * 100 * MS)
            out.append(not radio.receive(number * 100 * MS))
        return out

    assert lost_frames(1) == lost_frames(3)
    assert 0.2 < np.mean(lost_frames(1)) < 0.4


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_lose_what_they_announce(name):
    known = profile(name)
    arrived = run(Link(dataclasses.replace(known, duplicate=0.0), np.random.default_rng(9)), 60_000, period_ns=60 * MS)
    assert 1 - len(arrived) / 60_000 == pytest.approx(known.loss_rate, abs=0.006)


def test_lora_carries_the_lightest_branch_at_ten_hertz_and_no_rich_one():
    for size, all_arrive in ((100 + 71, True), (1000 + 71, False)):
        radio = Link(dataclasses.replace(profile("lora"), good_s=math.inf, loss_good=0.0), np.random.default_rng(0))
        assert (len(run(radio, 100, period_ns=100 * MS, size=size)) == 100) is all_arrive


def test_the_profile_can_change_in_flight():
    """Fault 1: total loss, then the link comes back."""
    radio = Link(profile("none"), np.random.default_rng(0))
    radio.send(b"before", 0)
    radio.profile = PROFILES["none"].with_loss(1.0)
    radio.send(b"lost", 1)
    radio.profile = profile("none")
    radio.send(b"after", 2)
    assert radio.receive(3) == [b"before", b"after"]
    radio.profile = PROFILES["none"].with_loss(0.5, burst_s=0.1)
    assert 700 < len(run(radio, 2000)) < 1300, "a profile set in flight starts to fade"


def test_a_clock_that_steps_back_or_far_ahead_is_survived():
    radio = link(latency_s=0.1, good_s=0.01, bad_s=0.01, loss_bad=0.0)
    radio.send(b"a", 10 * S)
    radio.send(b"b", 5 * S)  # taken as 10 s
    assert radio.receive(10 * S + 99 * MS) == [] and len(radio.receive(10 * S + 100 * MS)) == 2
    radio.send(b"c", 10 * 365 * 86_400 * S)  # ten years of fades are not stepped through
    assert radio.next_arrival_ns is not None


def test_a_receiver_that_never_fetches_costs_bounded_memory():
    radio = link(latency_s=10.0)
    for _ in range(5000):
        radio.send(b"x", 0)
    assert len(radio.receive(10 * S)) == 4096 and radio.stats.dropped_packets == 904


def test_unknown_profile_and_wrong_values_are_named():
    with pytest.raises(UsageError, match="Did you mean 'wifi-far'"):
        profile("wifi-fa")
    for changes in (
        {"loss_bad": 1.1},
        {"latency_s": -1.0},
        {"bandwidth_bps": 0.0},
        {"good_s": 0.0},
        {"jitter_s": math.nan},
    ):
        with pytest.raises(ConfigError, match=next(iter(changes))):
            Profile("test", **changes)
    with pytest.raises(ConfigError, match="probability"):
        profile("none").with_loss(1.5, burst_s=0.1)
