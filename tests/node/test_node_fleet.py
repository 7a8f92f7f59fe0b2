"""tail_node with many drones: each hears only its own answers, and who is refused is told."""

from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from fakes import MODEL_HASH, FakeTail, StraightOn
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import UInt8MultiArray
from test_node_tail import packet

from navisplit import wire
from navisplit.nodes import qos
from navisplit.nodes.tail_node import TailNode


class Edge:
    """A tail for several drones on the bench."""

    def __init__(self, bench, **parameters) -> None:
        self.bench = bench
        self.tail = FakeTail()
        self.node = bench.start(TailNode, parameters, load=lambda _: (self.tail, MODEL_HASH), policy=StraightOn)

    def drone(self, name: str):
        """How the drone of that name sends packets, and the answers that it hears."""
        publisher = self.bench.probe.create_publisher(CompressedImage, f"/{name}/features", qos.PACKETS)
        self.bench.spin_until(lambda: publisher.get_subscription_count() > 0, f"an edge that hears {name}")
        return publisher.publish, self.bench.heard(UInt8MultiArray, f"/{name}/answer", qos.PACKETS)

    def seats(self) -> dict[str, tuple[bytes, str]]:
        """The newest words on each drone, filled as they come."""
        told: dict[str, tuple[bytes, str]] = {}

        def note(array: DiagnosticArray) -> None:
            for status in array.status:
                if status.name.endswith(": edge"):
                    told[status.hardware_id] = (status.level, status.message)

        self.bench.probe.create_subscription(DiagnosticArray, "/diagnostics", note, qos.STATE)
        return told


def sequences(answers) -> list[int]:
    return [wire.decode(bytes(answer.data)).sequence for answer in answers]


def test_each_drone_of_a_list_hears_its_own_answers_and_no_others(bench):
    edge = Edge(bench, drones="drone_7, drone_8", direct=True)
    send_7, answers_7 = edge.drone("drone_7")
    send_8, answers_8 = edge.drone("drone_8")
    send_7(packet(70))
    send_8(packet(80))
    bench.spin_until(lambda: answers_7 and answers_8, "both answers")
    assert (sequences(answers_7), sequences(answers_8)) == ([70], [80])


def test_drones_that_come_later_are_found_and_those_that_have_gone_cost_nothing(bench):
    edge = Edge(bench, drones="*", direct=True)
    send, answers = edge.drone("late")
    send(packet(1))
    bench.spin_until(lambda: bool(answers), "the answer")
    assert "/late" in edge.node._drones._channels
    for publisher in list(bench.probe.publishers):
        if publisher.topic_name == "/late/features":
            bench.probe.destroy_publisher(publisher)
    bench.spin_until(lambda: not edge.node._drones._channels, "the end of the channel")


def test_past_the_limit_a_drone_gets_no_answer_and_diagnostics_say_why(bench):
    edge = Edge(bench, drones="drone_1,drone_2", direct=True, **{"fleet.max_drones": 1})
    seats = edge.seats()
    send_1, answers_1 = edge.drone("drone_1")
    send_2, answers_2 = edge.drone("drone_2")
    send_1(packet(1))
    bench.spin_until(lambda: bool(answers_1), "the first drone's answer")
    send_2(packet(2))
    bench.spin_until(lambda: "/drone_2" in seats, "the word about the second")
    assert seats["/drone_2"][0] == DiagnosticStatus.ERROR
    assert "refused" in seats["/drone_2"][1] and "max_drones" in seats["/drone_2"][1]
    bench.spin_until(lambda: seats.get("/drone_1") == (DiagnosticStatus.OK, "served"), "the word about the first")
    bench.spin_for(0.2)
    assert answers_2 == []


def test_a_seat_is_free_again_when_its_drone_falls_silent(bench):
    edge = Edge(bench, drones="drone_1,drone_2", direct=True, **{"fleet.max_drones": 1, "fleet.leave_after_s": 0.5})
    send_1, answers_1 = edge.drone("drone_1")
    send_2, answers_2 = edge.drone("drone_2")
    send_1(packet(1))
    bench.spin_until(lambda: bool(answers_1), "the first drone's answer")
    for sequence in range(2, 100):
        send_2(packet(sequence))
        bench.spin_for(0.1)
        if answers_2:
            break
    assert answers_2
    assert list(edge.node._server._sessions) == ["/drone_2"]
