"""What every node shares: how it starts, spins, fails and ends."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.task import Future

from navisplit.errors import ConfigError, NaviSplitError

KEY_VARIABLE = "NAVISPLIT_LINK_KEY"
SIGNAL_LATENCY_S = 0.1  # Python runs a signal's handler when the executor returns from waiting


class WorkerNode(Node):
    """A node that may own threads and may end by itself.

    ``finished`` ends the spinning: with a result when the node's work is done, with an exception when it has failed.
    Threads may complete it. ``close`` is called once, whichever way the node ends.
    """

    def __init__(self, name: str, **node_arguments: Any) -> None:
        super().__init__(name, **node_arguments)
        self.finished: Future = Future()

    def finish(self, error: BaseException | None = None) -> None:
        """End the spinning, from any thread; the first call counts."""
        if self.finished.done():
            return
        if error is None:
            self.finished.set_result(None)
        else:
            self.finished.set_exception(error)

    def start_worker(self, work: Callable[[], None], name: str) -> threading.Thread:
        """Run ``work`` in a thread; what it raises ends the node. ``close`` must make it return."""

        def guarded() -> None:
            try:
                work()
            except Exception as error:
                if self.context.ok():  # otherwise only the echo of the shutdown
                    self.finish(error)

        thread = threading.Thread(target=guarded, name=name, daemon=True)
        thread.start()
        return thread

    def close(self) -> None:
        """Stop threads and write what must be written. Signals are ignored meanwhile."""


def link_key() -> bytes | None:
    """The key that signs packets both ways, from the environment: parameters can be read by everyone in the graph."""
    text = os.environ.get(KEY_VARIABLE)
    if not text:
        return None
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise ConfigError(f"{KEY_VARIABLE}: expected 32 to 128 hexadecimal digits (openssl rand -hex 32).") from None


def run(create: Callable[[], WorkerNode], arguments: Sequence[str] | None = None) -> int:
    """Run one node until it finishes, fails or is told to end; returns the process's exit code.

    SIGINT and SIGTERM end it cleanly (exit code 0), also when they come twice, as under ``ros2 launch``. They are
    handled here and not by rclpy, which would shut ROS down first: a node that ends can still log and publish.
    """
    rclpy.init(args=list(arguments) if arguments is not None else None, signal_handler_options=SignalHandlerOptions.NO)
    node: WorkerNode | None = None
    code = 0

    def on_signal(number: int, frame: FrameType | None) -> None:
        if node is None or node.finished.done():  # still starting, or stuck in a callback since the first signal
            raise KeyboardInterrupt
        node.finish()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    try:
        node = create()
        _spin(node)
    except KeyboardInterrupt:
        pass
    except Exception as error:
        told_to_end = node is not None and node.finished.done() and node.finished.exception() is None
        code = 0 if told_to_end else _report(error, node)  # what ends beside us, a simulator, is then no failure
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if node is not None:
            node.close()
            node.destroy_node()
        rclpy.try_shutdown()
    return code


def _spin(node: WorkerNode) -> None:
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        while not node.finished.done():
            executor.spin_once(timeout_sec=SIGNAL_LATENCY_S)
        node.finished.result()
    finally:
        executor.remove_node(node)
        executor.shutdown(timeout_sec=1.0)


def _report(error: Exception, node: WorkerNode | None) -> int:
    logger = node.get_logger() if node is not None else rclpy.logging.get_logger("navisplit")
    expected = isinstance(error, (NaviSplitError, ParameterException))
    logger.fatal(str(error) if expected else f"{type(error).__name__}: {error}")
    if not expected:
        traceback.print_exception(error, file=sys.stderr)
    return error.exit_code if isinstance(error, NaviSplitError) else 1
