"""How a node's process starts, spins, fails and ends."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from types import FrameType

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

from navisplit.errors import ConfigError, NaviSplitError
from navisplit.nodes.worker import ACTIVE, INACTIVE, UNCONFIGURED, WorkerNode

KEY_VARIABLE = "NAVISPLIT_LINK_KEY"
SIGNAL_LATENCY_S = 0.1  # Python runs a signal's handler when the executor returns from waiting


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
        settled = node is not None and node.state in (UNCONFIGURED, INACTIVE, ACTIVE)
        if node is None or not settled or node.finished.done():  # starting, or stuck in a callback since the first
            raise KeyboardInterrupt
        node.finish()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    try:
        node = create()
        node.bring_up()
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
