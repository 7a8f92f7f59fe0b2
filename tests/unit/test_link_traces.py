"""Outages, damage, recorded traces and profiles from files: as they say, and told by line where they are wrong."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from navisplit import wire
from navisplit.errors import ConfigError, PacketError, UsageError
from navisplit.link import Link, profile, shipped_profiles
from navisplit.link.library import read_profiles

MS, S = 10**6, 10**9
TRACE = """# a drive, 2 s
time_s,bandwidth_bps,latency_s,loss
10.0,80000,0.010,0
11.0,0,0.010,0
11.5,800000,0.100,0

12.0,800000,0.100,1
"""


def link(text: str, seed: int = 0) -> Link:
    return Link(profile(text), np.random.default_rng(seed), start_ns=0)


def arrivals(radio: Link, count: int, period_ns: int = 10 * MS, size: int = 100) -> list[tuple[float, int]]:
    """(Arrival in s, number) of packets sent at a steady rate, to the nanosecond."""
    found = []

    def take(until_ns: int) -> None:
        while radio.next_arrival_ns is not None and radio.next_arrival_ns <= until_ns:
            at = radio.next_arrival_ns
            found.extend((at / S, int.from_bytes(data[:4], "little")) for data in radio.receive(at))

    for number in range(count):
        take(number * period_ns)
        radio.send(number.to_bytes(4, "little") + bytes(size - 4), number * period_ns)
    take(count * period_ns + 100 * S)
    return found


@pytest.fixture
def trace(tmp_path):
    path = tmp_path / "radio.csv"
    path.write_text(TRACE)
    return path


def test_what_is_sent_in_an_outage_is_lost_and_the_next_comes_as_ever():
    got = {number for _, number in arrivals(link("outage=1,every=4"), 800)}
    assert set(range(800)) - got == {*range(300, 400), *range(700, 800)}  # the last second of every four


def test_a_backlog_floods_in_when_the_outage_ends():
    got = arrivals(link("outage=1,every=4,backlog=1"), 800)
    assert len(got) == 800
    assert [at for at, number in got if 300 <= number < 400] == [4.0] * 100
    deep, shallow = link("outage=1,every=4,backlog=1,queue=64k"), link("outage=1,every=4,backlog=1,queue=2k")
    assert (len(arrivals(deep, 400)), len(arrivals(shallow, 400))) == (400, 320)  # 20 packets of 100 B fit
    assert shallow.stats.dropped_packets == 80


def test_a_backlog_leaves_at_the_links_rate():
    radio = link("bandwidth=80k,overhead=0,outage=1,every=4,backlog=1")
    flood = [at for at, number in arrivals(radio, 400, period_ns=20 * MS) if 150 <= number < 200]
    assert np.diff(flood) == pytest.approx(0.01, abs=1e-6) and flood[0] == pytest.approx(4.01)


def test_an_outage_of_both_directions_is_the_same_whatever_is_sent_and_when_it_began():
    up, down = (Link(profile("outage=1,every=4"), np.random.default_rng(s), start_ns=5 * S) for s in (0, 1))
    up.send(b"early", 5 * S)
    for radio in (up, down):
        radio.send(b"lost", 8 * S + 500 * MS)
        radio.send(b"kept", 9 * S)
    assert (up.receive(9 * S), down.receive(9 * S)) == ([b"early", b"kept"], [b"kept"])


def test_reordered_packets_are_overtaken_at_the_given_rate():
    radio = link("reorder=10%")
    order = [number for _, number in arrivals(radio, 10_000)]
    assert sorted(order) == list(range(10_000))
    late = sum(number < most for number, most in zip(order, np.maximum.accumulate(order), strict=True))
    assert late == pytest.approx(1000, abs=120) and radio.stats.reordered_packets >= late


def test_bit_errors_have_their_rate_and_are_all_refused_by_the_checksum():
    answer = wire.encode(wire.AnswerPacket(1, 2, 3, wire_command(), 4.0, 0.5, 1, 1))
    radio = link("ber=1e-3")
    for number in range(4000):
        radio.send(answer, number * MS)
    got = radio.receive(6 * S)
    damaged = [data for data in got if data != answer]
    assert len(got) == 4000 and radio.stats.damaged_packets == len(damaged)
    assert len(damaged) / 4000 == pytest.approx(1 - (1 - 1e-3) ** (8 * len(answer)), abs=0.03)
    for data in damaged:
        with pytest.raises(PacketError):
            wire.decode(data)


def wire_command():
    from navisplit.frames import VelocityCommand

    return VelocityCommand(np.array([1.0, 2.0, 0.5]), 0.1)


def test_damage_and_reordering_leave_the_fades_of_a_paired_comparison_alone():
    def lost(more: str) -> set[int]:
        return set(range(2000)) - {number for _, number in arrivals(link(f"loss=0.3,burst=0.2{more}", 4), 2000)}

    assert lost("") == lost(",reorder=20%,ber=1e-9") != set()


def test_a_trace_says_bandwidth_latency_outage_and_loss_by_time(trace):
    radio = link(f"{trace},overhead=0")
    radio.send(bytes(100), 0)
    assert radio.next_arrival_ns == 20 * MS  # 10 ms on air, 10 ms on the way
    radio.receive(S)
    radio.send(b"in the outage", S + 100 * MS)
    assert radio.next_arrival_ns is None and radio.stats.lost_packets == 1
    radio.send(bytes(100), S + 500 * MS)
    assert radio.next_arrival_ns == S + 601 * MS
    radio.receive(2 * S)
    radio.send(b"lost", 2 * S)
    assert radio.next_arrival_ns is None and radio.stats.lost_packets == 2
    radio.send(bytes(100), 2 * S + 500 * MS)  # the last row lasts as long as the one before: it begins anew
    assert radio.next_arrival_ns == 2 * S + 520 * MS


def test_a_packet_on_air_goes_on_at_the_rate_that_follows(trace):
    radio = link(f"{trace},overhead=0,backlog=1")
    radio.send(bytes(1000), 950 * MS)  # 500 B until the outage at 1 s; the rest after it, at ten times the rate
    assert radio.next_arrival_ns == 1500 * MS + 5 * MS + 100 * MS


def test_a_trace_has_a_short_queue_at_the_rate_of_the_moment(trace):
    radio = link(f"{trace},overhead=0")
    for _ in range(100):
        radio.send(bytes(500), 0)
    assert radio.stats.dropped_packets == 98  # 1,400 B, as 0.1 s are less


def test_the_same_seed_gives_the_same_trace_flight(trace):
    assert arrivals(link(str(trace), 3), 300) == arrivals(link(str(trace), 3), 300)


def test_changes_go_over_a_trace(trace):
    assert len(arrivals(link(f"{trace},loss=0"), 250)) > len(arrivals(link(str(trace)), 250))
    assert profile(f"{trace},reorder=5%").reorder == 0.05


def test_the_digest_is_of_what_a_radio_does_and_not_of_its_name(trace, tmp_path):
    copy = tmp_path / "copy.csv"
    copy.write_text(TRACE + "# another comment\n")
    assert profile(str(trace)).digest == profile(str(copy)).digest
    copy.write_text(TRACE.replace("0.100,1", "0.100,0.5"))
    assert profile(str(trace)).digest != profile(str(copy)).digest
    assert profile("lte").digest != profile("lte,loss=1%").digest != profile("lte,loss=2%").digest
    assert profile(f"{trace},loss=0").digest != profile(str(trace)).digest
    assert len({p.digest for p in shipped_profiles().values()}) == len(shipped_profiles())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "found nothing"),
        ("time_s,bandwidth_bps\n", ":1: expected rows"),
        ("time_s,bandwith_bps\n0,1\n", ":1: there is no column 'bandwith_bps'. Did you mean 'bandwidth_bps'"),
        ("time_s\n0\n", ":1: expected time_s and any of"),
        ("latency_s,loss\n0,0\n", ":1: expected time_s and any of"),
        ("time_s,loss,loss\n0,0,0\n", "each once"),
        ("# note\ntime_s,loss\n0,0\n\n1\n", ":5: expected 2 values"),
        ("time_s,loss\n0,0\n1,much\n", ":3: loss is 'much', expected a number"),
        ("time_s,loss\n0,0\n1,1.5\n", ":3: loss is 1.5, expected a number from 0 to 1"),
        ("time_s,latency_s\n0,-0.1\n", ":2: latency_s is -0.1"),
        ("time_s,latency_s\n0,nan\n", ":2: latency_s is nan"),
        ("time_s,latency_s\n0,80\n", "from 0 to 60"),
        ("time_s,loss\n0,0\n# c\n2,0\n1,0\n", ":5: time_s is 1 after 2"),
        ("time_s,loss\n0,0\n0,0\n", ":3: time_s is 0 after 0"),
        ("time_s,bandwidth_bps\n0,0\n1,0\n", "0 in every row"),
        ('time_s,loss\n0,"0\n', ":2: "),
    ],
)
def test_what_is_wrong_in_a_trace_is_told_by_line(tmp_path, text, told):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        profile(str(path))
    assert told in str(error.value) and "bad.csv" in str(error.value)


def test_a_trace_that_is_not_there_or_not_text_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="Cannot read the link trace"):
        profile(str(tmp_path / "none.csv"))
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(ConfigError, match="Cannot read the link trace"):
        profile(str(tmp_path / "binary.csv"))


MINE = "mesh: {bandwidth: 3M, latency: 8ms, loss: 2%}\nrelay:\n  bandwidth: 100k\n  outage: 1s\n  every: 10\n"


def test_a_users_own_profiles_fly_by_name_with_changes(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(MINE)
    mesh = profile(f"{path}:mesh")
    assert (mesh.bandwidth_bps, mesh.latency_s, mesh.loss_good, mesh.file) == (3e6, 0.008, 0.02, str(path))
    assert profile(f"{path}:relay,latency=20ms") == dataclasses.replace(
        profile(f"{path}:relay"), name=f"{path}:relay,latency=20ms", latency_s=0.02
    )
    with pytest.raises(UsageError, match="Did you mean 'relay'"):
        profile(f"{path}:relais")
    with pytest.raises(UsageError, match="holds several profiles"):
        profile(str(path))
    path.write_text(MINE.splitlines()[0])
    assert profile(str(path)).latency_s == 0.008


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "expected profiles"),
        ("a: {latency: 1ms\n", ":2: not YAML"),
        ("a:\n  latency: 1ms\n  jiter: 2ms\n", ":3: there is no setting 'jiter'. Did you mean 'jitter'"),
        ("a:\n  latency: 5 minutes\n", ":2: A link's latency"),
        ("a:\n  loss: 120%\n", ":2: Link profile 'a+loss1.2': loss_good"),
        ("a:\n  latency: [1, 2]\n", ":2: latency is one value"),
        ("a: lte\n", ":1: expected settings below"),
        ("b: {}\na:\n  outage: 2\n  every: 1\n", ":2: Link profile 'a': every_s"),
    ],
)
def test_what_is_wrong_in_a_file_of_profiles_is_told_by_line(tmp_path, text, told):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        read_profiles(path)
    assert told in str(error.value) and "bad.yaml" in str(error.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("outage=1", "every_s"),
        ("outage=4,every=4", "every_s"),
        ("backlog=2", "backlog is 0 or 1"),
        ("reorder=150%", "reorder"),
        ("ber=x", "ber is a number"),
        ("burst=1", "loss=SHARE"),
        ("latency", "no link profile 'latency'"),
        ("lte,latency", "expected latency=VALUE"),
        ("queue=1M", "queue is a number, in k or plain"),
    ],
)
def test_settings_that_do_not_fit_are_named(text, told):
    with pytest.raises(UsageError) as error:
        profile(text)
    assert told in str(error.value)
