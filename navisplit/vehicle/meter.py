"""What the link delivers, measured on the vehicle from the answers that come back: no packet is sent to find out.

An answer says which frame it is to and how many of its slices arrived. From that and from its own clock the vehicle
knows the round trip, the share of slices lost, and, where answers come late, how long the link was busy with a frame:
from the time its answer could have come at the earliest, or from the answer before, to its answer (Lindley's
recursion). Bytes over that time are the link's rate. All constants are our choice.

The budget is None while nothing speaks against any frame. Late answers set it to what was measured; silence, or the
loss of most slices, to a small frame, whose round trip then tells what is late. It grows with every answer in time,
after a wait that doubles each time that it grew too far, or at once when answers come faster than they did at the
measured rate.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass

ROUND_TRIPS = 10  # answers that the round trip is taken from
UNANSWERED = 64  # frames remembered while they wait for an answer
HISTORY_S = 10.0  # of round trips: what is older says nothing about the link of now
LATE_S, MOST_LATE_S, SPREADS = 0.05, 0.15, 4.0  # beyond the shortest round trip: bounds, and in medians beyond it
SHORT_S = 0.04  # the same of an answer that lacks slices, for which the edge waited
PATIENCE_S = 0.25  # with the first answer
LOSS_FRAMES = 30
HEAVY_LOSS, HEAVY_FRAMES = 0.5, 6  # of the last frames: smaller ones are tried, every HISTORY_S at most
SILENT_FRAMES = 3  # without an answer in time
SMALL_BYTES = 250  # of a frame sent into silence
HEADROOM = 0.85  # of the measured rate
GROWTH = 1.5  # of the budget with an answer in time
HOLD_S, MAX_HOLD_S = 1.0, 8.0
TELLING_S = 0.01  # a busy time so short that jitter hides it says nothing
FASTER_ANSWERS = 3  # in a row, than as many just after the rate was measured
OPEN_BPS = 1e6  # more than any frame needs
_RUN = 4  # late answers that a rate is taken from


@dataclass
class _Sent:
    """A frame under way."""

    sent_ns: int
    sizes: tuple[int, ...]  # bytes of its packets
    overdue: bool = False


class LinkMeter:
    """Budget, loss and round trip of the vehicle's link. ``now_ns`` is the vehicle's own steady clock."""

    def __init__(self, period_s: float) -> None:
        """For frames every ``period_s``."""
        self._period_s = period_s
        self._pending: OrderedDict[int, _Sent] = OrderedDict()  # by capture stamp
        self._round_trips_s: deque[float] = deque(maxlen=ROUND_TRIPS)
        self._history: deque[tuple[int, float, bool]] = deque()  # (when, round trip, whether in time)
        self._slices: deque[tuple[int, int]] = deque(maxlen=LOSS_FRAMES)  # (arrived, sent)
        self._late: deque[tuple[float, float]] = deque(maxlen=_RUN)  # (bits, seconds busy) of late answers in a row
        self._strikes = 0  # frames in a row whose answers were late or are overdue
        self._answered_ns: int | None = None
        self._budget_bps: float | None = None
        self._rate_bps: float | None = None  # measured last
        self._hold_s, self._hold_until_ns = HOLD_S, 0
        self._held_s: list[float] = []  # round trips, less the time on air, just after the rate was measured
        self._faster = 0  # answers in a row that were faster than those
        self._tried_ns: int | None = None  # small frames, for heavy loss

    @property
    def round_trip_s(self) -> float:
        """The longest of the last answers, from capture to answer; 0 before the first."""
        return max(self._round_trips_s, default=0.0)

    @property
    def loss(self) -> float:
        """Share of the slices of the last frames that came to nothing, or whose answers did."""
        return _loss(list(self._slices))

    def note_sent(self, stamp_ns: int, sizes: Sequence[int], now_ns: int) -> None:
        """The packets of a frame leave; ``now_ns`` is the time of its capture, where round trips begin."""
        self._pending[stamp_ns] = _Sent(now_ns, tuple(sizes))
        if len(self._pending) > UNANSWERED:
            self._give_up(next(iter(self._pending)))

    def note_answer(self, stamp_ns: int, received_slices: int, now_ns: int) -> None:
        """An answer came, in time or late. Answers to frames that are not waited for are ignored."""
        if stamp_ns not in self._pending:
            return
        for older in [stamp for stamp in self._pending if stamp < stamp_ns]:
            self._give_up(older)  # the edge answers no frame older than the last
        frame = self._pending.pop(stamp_ns)
        round_trip_s = (now_ns - frame.sent_ns) * 1e-9
        base_s = min(self._shortest_s(), round_trip_s)
        begun_ns = max(self._answered_ns or 0, frame.sent_ns + round(base_s * 1e9))
        busy_s = (now_ns - begun_ns) * 1e-9
        arrived = min(max(received_slices, 0), len(frame.sizes))
        bits = 8.0 * sum(frame.sizes[:arrived])  # slices are sent in order
        short = arrived < len(frame.sizes) and round_trip_s > base_s + SHORT_S
        late = short or round_trip_s > self._patience_s()
        self._round_trips_s.append(round_trip_s)
        self._history.append((now_ns, round_trip_s, not late))
        self._slices.append((arrived, len(frame.sizes)))
        self._answered_ns = now_ns
        if late:
            if busy_s >= TELLING_S:
                self._late.append((bits, busy_s))
            self._strike(frame, now_ns)
        else:
            self._strikes = 0
            self._late.clear()
            self._grow(bits, round_trip_s, now_ns)

    def budget_bps(self, now_ns: int) -> float | None:
        """What the link carries of our packets, bits per second; None: nothing known against any frame."""
        while self._history and now_ns - self._history[0][0] > HISTORY_S * 1e9:
            self._history.popleft()
        patience_ns = self._patience_s() * 1e9
        for frame in self._pending.values():
            if now_ns - frame.sent_ns > patience_ns:
                self._strike(frame, now_ns)
        self._try_small(now_ns)
        return self._budget_bps

    def _give_up(self, stamp_ns: int) -> None:
        """A frame will not be answered any more."""
        self._slices.append((0, len(self._pending.pop(stamp_ns).sizes)))

    def _shortest_s(self) -> float:
        return min((trip for _, trip, _ in self._history), default=math.inf)

    def _patience_s(self) -> float:
        """Round trip up to which an answer is in time: jitter is not congestion."""
        if not self._history:
            return PATIENCE_S
        in_time = sorted(trip for _, trip, good in self._history if good) or [trip for _, trip, _ in self._history]
        shortest_s = self._shortest_s()
        spread_s = SPREADS * (in_time[len(in_time) // 2] - shortest_s)
        return shortest_s + min(max(LATE_S, spread_s), MOST_LATE_S)

    def _strike(self, frame: _Sent, now_ns: int) -> None:
        """A frame's answer is late or overdue; it counts once."""
        self._strikes += not frame.overdue
        frame.overdue = True
        probing = self._rate_bps is not None and now_ns >= self._hold_until_ns
        if self._late and (self._strikes >= 2 or probing):
            self._measure(now_ns)
        elif self._strikes >= SILENT_FRAMES:
            self._send_small(now_ns)

    def _try_small(self, now_ns: int) -> None:
        """Where most slices are lost, and no rate was measured: a link may have been too slow from the beginning."""
        recent = list(self._slices)[-HEAVY_FRAMES:]
        due = self._tried_ns is None or now_ns - self._tried_ns > HISTORY_S * 1e9
        if self._rate_bps is None and due and len(recent) == HEAVY_FRAMES and _loss(recent) >= HEAVY_LOSS:
            self._send_small(now_ns)

    def _send_small(self, now_ns: int) -> None:
        self._tried_ns = now_ns
        small_bps = 8.0 * SMALL_BYTES / self._period_s
        self._budget_bps = min(self._budget_bps or small_bps, small_bps)

    def _measure(self, now_ns: int) -> None:
        """The link's rate, from the late answers in a row."""
        if now_ns >= self._hold_until_ns:
            if self._rate_bps is not None:  # it has grown too far
                self._hold_s = min(2 * self._hold_s, MAX_HOLD_S)
            self._hold_until_ns = now_ns + round(self._hold_s * 1e9)
        self._rate_bps = sum(bits for bits, _ in self._late) / sum(busy_s for _, busy_s in self._late)
        self._budget_bps = HEADROOM * self._rate_bps
        self._held_s, self._faster = [], 0

    def _grow(self, bits: float, round_trip_s: float, now_ns: int) -> None:
        """An answer in time lets the budget grow, unless the link was measured to carry no more."""
        if self._budget_bps is None:
            return
        if self._rate_bps is not None and now_ns < self._hold_until_ns and not self._has_changed(bits, round_trip_s):
            return
        self._budget_bps *= GROWTH
        if self._budget_bps >= OPEN_BPS:
            self._budget_bps = self._rate_bps = None
            self._hold_s, self._hold_until_ns = HOLD_S, 0

    def _has_changed(self, bits: float, round_trip_s: float) -> bool:
        """Whether answers come clearly faster than they did when the rate was measured."""
        on_air_s = bits / (self._rate_bps or math.inf)
        rest_s = round_trip_s - on_air_s
        if len(self._held_s) < FASTER_ANSWERS:
            self._held_s.append(rest_s)
            return False
        faster = on_air_s >= TELLING_S and rest_s < min(self._held_s) - on_air_s / 2
        self._faster = self._faster + 1 if faster else 0
        return self._faster >= FASTER_ANSWERS


def _loss(slices: Sequence[tuple[int, int]]) -> float:
    """Share lost of slices of (arrived, sent)."""
    sent = sum(count for _, count in slices)
    return 1.0 - sum(arrived for arrived, _ in slices) / sent if sent else 0.0
