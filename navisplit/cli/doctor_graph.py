"""``navisplit doctor --graph``: what is wrong in a running ROS graph. It listens and changes nothing."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from navisplit.cli.checks import Check

ONE_VOICE = ("/clock", "/cmd_vel")  # ends of topics that only one node may publish
MOST_OFF_S = 1.0  # a machine's clock from ours
NODE_SUFFIX = "_node"


@dataclass
class Endpoint:
    """Who publishes or subscribes a topic, how."""

    topic: str
    node: str
    kind: str
    profile: Any  # rclpy.qos.QoSProfile


@dataclass
class Seen:
    """What was there while we listened."""

    nodes: list[str] = field(default_factory=list)  # full names, one for each node
    publishers: list[Endpoint] = field(default_factory=list)
    subscribers: list[Endpoint] = field(default_factory=list)
    statuses: dict[str, tuple[Any, float, float]] = field(default_factory=dict)  # name: status, its stamp, ours (s)


def examine_graph(seconds: float) -> list[Check]:
    """Listen, then look."""
    return judge(listen(seconds))


def listen(seconds: float, context: Any = None) -> Seen:
    """The graph and the diagnostics of the next seconds."""
    import rclpy
    from diagnostic_msgs.msg import DiagnosticArray
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.node import Node
    from rclpy.signals import SignalHandlerOptions

    from navisplit.nodes import qos

    own = context is None
    if own:
        context = rclpy.Context()
        rclpy.init(context=context, signal_handler_options=SignalHandlerOptions.NO)
    node, seen = Node("navisplit_doctor", context=context), Seen()

    def hear(array: DiagnosticArray) -> None:
        stamp_s = array.header.stamp.sec + array.header.stamp.nanosec * 1e-9
        for status in array.status:
            seen.statuses[status.name] = (status, stamp_s, time.time())

    node.create_subscription(DiagnosticArray, "/diagnostics", hear, qos.STATE)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    try:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            executor.spin_once(timeout_sec=0.1)
        _look(node, seen)
    finally:
        executor.shutdown(timeout_sec=1.0)
        node.destroy_node()
        if own:
            rclpy.try_shutdown(context=context)
    return seen


def _look(node: Any, seen: Seen) -> None:
    def endpoint(topic: str, info: Any) -> Endpoint:
        where = info.node_namespace.rstrip("/")
        return Endpoint(topic, f"{where}/{info.node_name}", info.topic_type, info.qos_profile)

    for name, namespace in node.get_node_names_and_namespaces():
        if name != node.get_name():
            seen.nodes.append(f"{namespace.rstrip('/')}/{name}")
    for topic, _ in node.get_topic_names_and_types():
        seen.publishers += [endpoint(topic, info) for info in node.get_publishers_info_by_topic(topic)]
        seen.subscribers += [endpoint(topic, info) for info in node.get_subscriptions_info_by_topic(topic)]


def judge(seen: Seen) -> list[Check]:
    """What is wrong in what was seen; one check each for nodes, connections, clocks and diagnostics."""
    return [
        _check("ROS nodes", _doubles(seen), f"{len(seen.nodes)} seen" if seen.nodes else "none is running"),
        _check("ROS connections", _misfits(seen), f"{len(seen.publishers)} publishers fit their subscribers"),
        _check("ROS clocks", _clocks(seen), "agree with this machine's"),
        _check("diagnostics", _complaints(seen), f"{len(seen.statuses)} parts, none complains"),
    ]


def _check(name: str, wrong: Iterable[str], right: str) -> Check:
    found = sorted(set(wrong))
    return Check(name, not found, "\n".join(found) or right)


def _doubles(seen: Seen) -> Iterable[str]:
    for name, count in Counter(seen.nodes).items():
        if count > 1:
            yield f"{count} nodes are called {name}: give each drone its own namespace, or end the one left over."
    speakers: dict[str, set[str]] = defaultdict(set)
    for publisher in seen.publishers:
        if publisher.topic.endswith(ONE_VOICE) and not publisher.topic.endswith("edge/cmd_vel"):
            speakers[publisher.topic].add(publisher.node)
    for topic, nodes in speakers.items():
        if len(nodes) > 1:
            yield f"{topic} is published by {' and '.join(sorted(nodes))}: only one of them may."


def _misfits(seen: Seen) -> Iterable[str]:
    from rclpy.qos import QoSCompatibility, qos_check_compatible

    heard = defaultdict(list)
    for subscriber in seen.subscribers:
        heard[subscriber.topic].append(subscriber)
    for publisher in seen.publishers:
        for subscriber in heard[publisher.topic]:
            between = f"{publisher.topic}: {subscriber.node} cannot hear {publisher.node}"
            if publisher.kind != subscriber.kind:
                yield f"{between}: it expects {subscriber.kind} and gets {publisher.kind}."
                continue
            fits, why = qos_check_compatible(publisher.profile, subscriber.profile)
            if fits == QoSCompatibility.ERROR:
                yield f"{between}: {why.strip().rstrip(';')}. docs/architecture.md has the QoS of every topic."


def _clocks(seen: Seen) -> Iterable[str]:
    simulated = any(publisher.topic == "/clock" for publisher in seen.publishers)
    for name, (_, stamp_s, ours_s) in seen.statuses.items():
        if stamp_s == 0.0:
            yield f"'{name}' is at time zero: use_sim_time is set, and nobody publishes /clock."
        elif not simulated and abs(stamp_s - ours_s) > MOST_OFF_S:
            yield (
                f"The clock of '{name}' is {stamp_s - ours_s:+.1f} s off this machine's: bags of the two will not lie"
                " over each other (chrony or systemd-timesyncd on both). Flights do not compare clocks."
            )


def _complaints(seen: Seen) -> Iterable[str]:
    for name, (status, _, _) in seen.statuses.items():
        if status.level != status.OK:
            values = {pair.key: pair.value for pair in status.values}
            last = values.get("last error", "none")
            more = "" if last == "none" or last in status.message else f" (last error: {last})"
            yield f"{name}: {status.message}{more}"
