"""docs/safety.md: the faults, what the drone does, how fast, and which tests say so. ``python -m tests.safety_page``.

What the drone does is told by the tests themselves, in ``@pytest.mark.fault(number, does="...")``; the figures are
those of flights in simulated time (``tests/unit/fault_flights.py``), the same on every machine.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PATH = "docs/safety.md"
GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Link", ("total loss", "one-way loss", "30 % lost in bursts", "200 ms with jitter", "duplicates", "reordering",
              "bandwidth of 50 kB/s", "gone and back every second", "a partition, then the backlog at once")),
    ("Peers", ("edge killed", "edge stopped, its socket alive", "edge answers from one frame",
               "edge restarts with another model", "vehicle's node restarts in flight", "two edges command one drone",
               "simulator's RPC hangs or resets")),
    ("Messages", ("truncated", "wrong magic, version or kind", "a length that lies, 2 GB claimed",
                  "another shape or codec", "checksum wrong", "checksum right, content garbage", "unknown branch",
                  "decompression bomb", "entropy stream ends early", "old frame replayed",
                  "NaN, infinite or denormal numbers", "velocity over the limit", "empty")),
    ("Sensing", ("frozen picture", "black, white or noisy picture", "picture of another size or encoding",
                 "camera five times slower", "odometry not finite, stuck or jumping", "TF missing",
                 "goal outside the airspace or in an obstacle")),
    ("Clocks and resources", ("clock jumps", "the sender's clock is off", "simulated time paused or reset",
                              "GPU out of memory", "computing takes longer than a period", "disk full while recording",
                              "checkpoint missing, corrupt or foreign", "weights not finite")),
    ("Configuration and people", ("unknown or impossible parameter", "QoS that does not fit", "topic renamed",
                                  "Ctrl-C in flight", "gate stuck", "publisher without the key")),
)  # fmt: skip
FLIGHTS: dict[int, tuple[tuple[str, dict[str, Any]], ...]] = {
    1: (("link:off", {}), ("link:off+2", {})),
    2: (("answer:off", {}), ("features:off", {})),
    3: (("", {"link": "none,loss=0.3,burst=0.2"}),),
    4: (("", {"link": "none,latency=75ms,jitter=10ms"}), ("answer:delayed", {})),
    7: (("", {"link": "none,bandwidth=400k"}),),
    8: (("link:intermittent", {}),),
    10: (("edge:off", {}),),
    12: (("edge:stuck", {}),),
    13: (("edge:wrong", {}),),
    14: (("", {"restarts": True}),),
    28: (("edge:garbage", {}),),
    30: (("camera:stuck", {}), ("camera:stuck+2", {})),
    31: (("camera:wrong", {}), ("camera:garbage", {})),
    33: (("camera:slow", {}),),
    34: (("odometry:garbage", {}), ("odometry:stuck", {}), ("odometry:wrong", {}), ("odometry:off", {})),
    37: (("clock:wrong", {}), ("clock:garbage", {})),
    49: (("", {"gate": True}),),
}
"""Which flights a fault is measured by: the fault to inject, and settings."""
HEAD = f"""# When something breaks

Written by `python -m tests.safety_page > {PATH}` from the tests; a test fails when it is stale.

The drone trusts nothing but its own clock, its own list of frames sent and what it can check: it does not send frames that it cannot believe, does not fly answers that it cannot place, and brakes after 250 ms without a command, holds after 1 s, lands after 5 s ([architecture](architecture.md)).

Every fault below has tests that name it (`pytest -m fault`). Figures: flights at 4 m/s with a 10 Hz camera, in simulated time with the autopilot's own dynamics, the fault beginning just as a frame is due; counted from there. "Brakes" is the first moment at which no command of the edge is flown, the metres are those until the drone stands. They are the failsafe's: obstacles on the way are not in them.

Break a flight yourself, with PX4's words (units: camera, odometry, features, answer, link, edge, clock; kinds: ok, off, stuck, garbage, wrong, slow, delayed, intermittent):

```
navisplit evaluate --world forest --routes 5 --fault camera:stuck@5+2 --out runs/stuck     # offline, exact
navisplit fly --world forest --fault link:off@8                                            # from second 8 on
navisplit fault camera stuck --for 2 --domain 57                                           # now; fly tells its domain
ros2 param set /drone_1/airsim_node faults camera:stuck+2                                  # the same
```

| kind | what a unit does |
|---|---|
| off, intermittent | nothing; nothing for one second of every two |
| stuck | the last value before: camera and odometry under fresh stamps, packets to the bit, the clock stands |
| garbage | camera: noise; odometry: NaN; packets: a random payload or a command of up to 40 m/s per axis, with a right checksum and tag; clock: within a second of the truth |
| wrong | camera: black; odometry: 5 m beside; packets: of another branch set; clock: a second ahead |
| slow, delayed | every fifth value; every value 0.3 s late |

What is **not** seen: a picture that is wrong but looks like one; an answer of a trusted edge that is wrong but possible (the guard only limits it); odometry that drifts slower than half a metre a second; whatever else publishes on `cmd_vel` in the same ROS domain (SROS2 is for that). A world without any texture looks like a frozen camera.
"""  # noqa: E501


def names() -> list[str]:
    """The faults, from number 1 on."""
    return [name for _, group in GROUPS for name in group]


def marked() -> Iterator[tuple[int, str, str]]:
    """(number, what the drone does, test) of every marker in the tests, by file and line."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name.startswith("test_")]
        where = {id(call): f for f in functions for d in f.decorator_list for call in ast.walk(d)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.fault":
                function = where.get(id(node))
                if function is not None:
                    yield _marker(node, function, path)


def _marker(call: ast.Call, function: ast.FunctionDef, path: Path) -> tuple[int, str, str]:
    (number,) = (ast.literal_eval(argument) for argument in call.args)
    (does,) = (ast.literal_eval(k.value) for k in call.keywords if k.arg == "does")
    return int(number), str(does), f"{path.relative_to(ROOT / 'tests')}::{function.name}"


def told() -> dict[int, tuple[list[str], list[str]]]:
    """What the drone does, and the tests, by fault."""
    from tests.unit.test_fault_flights import GONE

    found: dict[int, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    flights = "unit/test_fault_flights.py::test_the_drone_stops_holds_and_lands_without_frames_or_answers"
    of_flights = [(m.args[0], m.kwargs["does"], flights) for p in GONE for m in p.marks]
    for number, does, test in [*of_flights, *marked()]:
        for texts, text in zip(found[number], (does, test), strict=True):
            if text not in texts:
                texts.append(text)
    return found


def figures(number: int) -> str:
    """The measured flights of a fault, in words."""
    from tests.unit.fault_flights import at, flown

    parts = []
    for fault, settings in FLIGHTS.get(number, ()):
        seen = flown(at(fault) if fault else "", **settings)
        name = fault or settings.get("link", "").removeprefix("none,")
        parts.append(f"{f'`{name}`: ' if name else ''}{describe(seen)}")
    return "; ".join(parts)


def describe(seen: Any) -> str:
    """One flight in words."""
    if seen.brakes_s is None:
        return f"flies on, at {seen.fastest_mps:.1f} m/s at most"
    words = [f"brakes after {seen.brakes_s * 1000:.0f} ms"]
    if seen.stands_s is not None:
        words.append(f"stands after {seen.stands_s:.1f} s and {seen.blind_m:.1f} m")
    if seen.resumes_s is not None:
        words.append(f"flies again after {seen.resumes_s:.1f} s")
    if seen.outcome == "failsafe":
        words.append("lands")
    elif seen.stands_s is None:
        words.append(f"the guard flies {seen.guarded:.0%} of the time")
    return ", ".join(words)


def page() -> str:
    """The page, in Markdown."""
    found, parts, number = told(), [HEAD], 0
    for title, group in GROUPS:
        parts += [f"\n## {title}\n\n| | fault | the drone | measured | tests |\n|---|---|---|---|---|"]
        for name in group:
            number += 1
            does, tests = found[number]
            listed = "<br>".join(f"`{test}`" for test in tests)
            parts.append(f"| {number} | {name} | {'; '.join(does)} | {figures(number) or '-'} | {listed} |")
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    print(page(), end="")
