"""The fault injector: PX4's words, times and what each does to the values of a unit."""

from __future__ import annotations

import numpy as np
import pytest

from navisplit import wire
from navisplit.errors import ConfigError, UsageError
from navisplit.faults.damage import OfClocks, OfPackets
from navisplit.faults.injector import MOST_DELAYED, Channel, FaultyClock, Injector
from navisplit.faults.vocabulary import SUPPORTED, Fault, Kind, Unit, parse_faults
from tests.attacks.packets import KEY, answer, features

S = 1_000_000_000


def channel(text: str, unit: Unit = Unit.CLOCK, damage=None) -> Channel:
    return Channel(Injector(parse_faults(text)), unit, damage or OfClocks(), np.random.default_rng(0))


class Letters:
    """Values by which one sees what happened to them."""

    def stuck(self, held, fresh):
        return f"{held}!"

    def garbage(self, fresh, rng):
        return "?"

    def wrong(self, fresh, rng):
        return "x"


def played(text: str, count: int = 10, period_ns: int = S // 10) -> str:
    """What comes out in tenths of a second, one character each; a dot where nothing does."""
    camera = channel(text, Unit.CAMERA, Letters())
    return "".join("".join(camera.through(chr(97 + n), n * period_ns)) or "." for n in range(count))


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("", "abcdefghij"),
        ("camera:off@0.3+0.4", "abc....hij"),
        ("camera:stuck@0.3+0.2", "abcc!c!fghij"),
        ("camera:stuck", "a!a!a!a!a!a!a!a!a!a!"),
        ("camera:garbage@0.8", "abcdefgh??"),
        ("camera:wrong@0.8+0.1", "abcdefghxj"),
        ("camera:slow", ".....f...."[:4] + "e....j"),
        ("camera:delayed@0.2", "ab...cdefg"),
        ("camera:off@0.1,camera:ok@0.5", "a....fghij"),
        ("camera:ok@0.5,camera:off@0.1", "a....fghij"),
        ("odometry:off", "abcdefghij"),
    ],
)
def test_each_kind_does_what_its_word_says(text, seen):
    assert played(text) == seen


def test_intermittent_is_gone_for_one_second_of_every_two():
    assert played("camera:intermittent@0.5", 45) == "abcde" + "." * 10 + "pqrstuvwxy" + "." * 10 + "".join(
        chr(97 + n) for n in range(35, 45)
    )


def test_a_fault_can_be_written_as_it_is_read():
    text = "camera:stuck@5+2,link:off@8,edge:slow+0.5,clock:wrong"
    assert ",".join(map(str, parse_faults(text))) == text
    assert parse_faults(" ") == ()


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("kamera:off", UsageError, "Did you mean 'camera'"),
        ("camera:of", UsageError, "Did you mean 'off'"),
        ("camera", UsageError, "UNIT:KIND"),
        ("camera:off@1.2.3", UsageError, "seconds after @"),
        ("camera:off@-1", UsageError, "UNIT:KIND"),
        ("link:garbage", ConfigError, "link has ok, off"),
        ("clock:delayed", ConfigError, "means nothing"),
        ("camera:off+0", ConfigError, "more than 0 s"),
    ],
)
def test_what_cannot_be_is_refused_by_name(text, error, said):
    with pytest.raises(error, match=said.replace("(", r"\(")):
        parse_faults(text)


def test_every_pair_that_is_supported_can_be_written():
    for unit, kinds in SUPPORTED.items():
        for kind in kinds:
            assert parse_faults(f"{unit.value}:{kind.value}") == (Fault(unit, kind),)


def test_a_link_is_both_directions():
    injector = Injector(parse_faults("link:off@1+1"))
    assert [injector.state(Unit.FEATURES, t * S)[0] for t in (0, 1, 2)] == [Kind.OK, Kind.OFF, Kind.OK]
    assert injector.state(Unit.ANSWER, S)[0] is Kind.OFF and injector.state(Unit.EDGE, S)[0] is Kind.OK


def test_memory_of_what_is_delayed_is_bounded():
    camera = channel("camera:delayed", Unit.CAMERA, Letters())
    for n in range(2 * MOST_DELAYED):
        camera.send(str(n), 0)
    assert len(camera.receive(S)) == MOST_DELAYED


@pytest.mark.parametrize("key", [None, KEY])
def test_garbage_and_wrong_packets_pass_the_checksum_and_the_tag(key):
    damage, rng = OfPackets(key), np.random.default_rng(0)
    sent, said = wire.encode(features(), key), wire.encode(answer(), key)
    garbled = wire.decode(damage.garbage(sent, rng), key)
    assert len(garbled.payload) == len(features().payload) and garbled.payload != features().payload
    assert wire.decode(damage.garbage(said, rng), key).stamp_ns == answer().stamp_ns
    assert wire.decode(damage.wrong(said, rng), key).model_hash != answer().model_hash
    assert damage.garbage(b"no packet", rng) == damage.wrong(b"no packet", rng) == b"no packet"


def test_a_clock_stands_jumps_or_goes_ahead_and_is_right_again():
    clock = FaultyClock(channel("clock:stuck@1+1,clock:wrong@3+1"))
    assert [clock.read(t * S, t * S) for t in range(6)] == [0, 0, 2 * S, 4 * S, 4 * S, 5 * S]


def test_the_same_seed_gives_the_same_garbage():
    first, again = ([channel("clock:garbage").through(t, t)[0] for t in range(9)] for _ in range(2))
    assert first == again
