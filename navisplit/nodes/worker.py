"""What every node is: a lifecycle node that may own threads, tells of its health and names what it refuses.

A subclass declares its parameters in ``__init__`` and fills in ``configure``, ``activate``, ``deactivate`` and
``cleanup``. What it advertises (``advertise``, in ``configure``) is silent until the node is active; what it subscribes
and what it does by timer (``subscribe``, ``every``, in ``activate``) exists only while it is.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.exceptions import ParameterException
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, qos_policy_name_from_kind
from rclpy.subscription import Subscription
from rclpy.task import Future

from navisplit import __version__
from navisplit.errors import NaviSplitError
from navisplit.nodes import qos
from navisplit.nodes.diagnostics import ERROR, OK, WARN, Health, diagnostics
from navisplit.nodes.parameters import FIXED, declare, why_fixed
from navisplit.nodes.traffic import CountedPublisher, Traffic

UNCONFIGURED, INACTIVE, ACTIVE, FINALIZED = "unconfigured", "inactive", "active", "finalized"
DIAGNOSTICS_PERIOD_S, REPEAT_S = 1.0, 5.0  # the latter of the same complaint on the log
SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


class WorkerNode(LifecycleNode):
    """A lifecycle node that may own threads and may end by itself.

    ``finished`` ends the spinning: with a result when the node's work is done, with an exception when it has failed.
    Threads may complete it. ``close`` is called once, whichever way the node ends.
    """

    def __init__(self, name: str, **node_arguments: Any) -> None:
        super().__init__(name, **node_arguments)
        self.finished: Future = Future()
        self.failure: Exception | None = None  # of the last transition
        self._starting = False  # then whoever starts it tells of a failure
        self.last_error = ""
        self.errors = 0
        self._complained_s: dict[str, float] = {}
        self._alive: list[partial[Any]] = []  # how to destroy what lives from activation to deactivation
        self._traffic = Traffic(time.monotonic())
        what = "configure and activate at the start; false: wait for `ros2 lifecycle set`"
        self.autostart = bool(declare(self, "autostart", True, what))
        self.steady = Clock(clock_type=ClockType.STEADY_TIME)  # goes on while the simulation is paused
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", qos.STATE)
        self.create_timer(DIAGNOSTICS_PERIOD_S, self._measure, clock=self.steady)
        self.add_on_set_parameters_callback(self._judge)
        self.add_post_set_parameters_callback(self._apply)

    # What a subclass fills in -----------------------------------------------------------------------------------------

    def configure(self) -> None:
        """Read the parameters, load what is slow to load, advertise. What it raises is why the node stays as it was."""

    def activate(self) -> None:
        """Subscribe and begin to work."""

    def deactivate(self) -> None:
        """Stop threads. Subscriptions and timers have gone, publishers still speak."""

    def cleanup(self) -> None:
        """Let go of what ``configure`` made; also after a ``configure`` that failed half-way."""

    def health(self) -> Health:
        """What an active node says of itself on ``/diagnostics``."""
        return Health(OK, ACTIVE)

    def check(self, name: str, value: Any) -> None:
        """Refuse a live change by raising a NaviSplitError that says what would be accepted."""

    def change(self, name: str, value: Any) -> None:
        """Take over a live change that ``check`` has let pass."""

    # What it may use --------------------------------------------------------------------------------------------------

    @property
    def state(self) -> str:
        """Label of the lifecycle state."""
        machine = getattr(self, "_state_machine", None)  # rclpy makes it last
        return UNCONFIGURED if machine is None else str(machine.current_state[1])

    def advertise(self, kind: type, topic: str, profile: QoSProfile) -> CountedPublisher:
        """A publisher that is silent until the node is active, and lives until ``cleanup``."""
        events = PublisherEventCallbacks(incompatible_qos=partial(self._misfit, topic, "subscriber"))
        publisher = self.create_publisher(
            kind, topic, profile, event_callbacks=events, publisher_class=CountedPublisher
        )
        assert isinstance(publisher, CountedPublisher)
        self.add_managed_entity(publisher)
        self._traffic.publishers[topic] = publisher
        if self.state == ACTIVE:
            publisher.on_activate(LifecycleState(ACTIVE, 0))
        return publisher

    def subscribe(
        self, kind: type, topic: str, callback: Callable[[Any], Any], profile: QoSProfile, *, raw: bool = False
    ) -> Subscription:
        """Hear a topic until the node is deactivated, or the subscription is retracted."""

        def counted(message: Any) -> None:
            self._traffic.heard[topic] += 1
            callback(message)

        events = SubscriptionEventCallbacks(incompatible_qos=partial(self._misfit, topic, "publisher"))
        made = self.create_subscription(kind, topic, counted, profile, raw=raw, event_callbacks=events)
        self._alive.append(partial(self.destroy_subscription, made))
        return made

    def retract(self, made: Subscription | CountedPublisher) -> None:
        """Let go of a subscription or publisher before its time."""
        if isinstance(made, CountedPublisher):
            self._traffic.forget(made)
            self.destroy_lifecycle_publisher(made)
        else:
            self._alive = [undo for undo in self._alive if made not in undo.args]
            self.destroy_subscription(made)

    def every(self, period_s: float, callback: Callable[[], None]) -> None:
        """Call periodically, by a clock that never stops, until the node is deactivated."""
        made = self.create_timer(period_s, callback, clock=self.steady)
        self._alive.append(partial(self.destroy_timer, made))

    def complain(self, kind: str, text: str) -> None:
        """Log an error, the same kind at most every few seconds, and keep it for ``/diagnostics``."""
        self.last_error = text
        self.errors += 1
        if time.monotonic() - self._complained_s.get(kind, -REPEAT_S) >= REPEAT_S:
            self._complained_s[kind] = time.monotonic()
            self.get_logger().error(text)

    def finish(self, error: BaseException | None = None) -> None:
        """End the spinning, from any thread; the first call counts."""
        if self.finished.done():
            return
        if error is None:
            self.finished.set_result(None)
        else:
            self.finished.set_exception(error)

    def start_worker(self, work: Callable[[], None], name: str) -> threading.Thread:
        """Run ``work`` in a thread; what it raises ends the node. ``deactivate`` must make it return."""

        def guarded() -> None:
            try:
                work()
            except Exception as error:
                if self.context.ok():  # otherwise only the echo of the shutdown
                    self.finish(error)

        thread = threading.Thread(target=guarded, name=name, daemon=True)
        thread.start()
        return thread

    def bring_up(self) -> None:
        """Configure and activate where ``autostart`` says so. Raises what made it fail."""
        if not self.autostart:
            self.get_logger().info(f"waiting: ros2 lifecycle set {self.get_fully_qualified_name()} configure")
            self.publish_diagnostics()
            return
        self._starting = True
        for trigger in (self.trigger_configure, self.trigger_activate):
            if trigger() is not SUCCESS:
                raise self.failure or NaviSplitError(f"{self.get_name()} is {self.state} and cannot start.")
        self._starting = False

    def close(self) -> None:
        """Deactivate and clean up, whatever the state. Signals are ignored meanwhile."""
        if self.state in (UNCONFIGURED, INACTIVE, ACTIVE):
            self.trigger_shutdown()
        elif self.state != FINALIZED:  # interrupted within a transition
            self._take_down(ACTIVE)

    # Lifecycle --------------------------------------------------------------------------------------------------------

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Transition of rclpy's: unconfigured to inactive."""
        return self._attempt("configure", self.configure, lambda: self._take_down(INACTIVE))

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Transition of rclpy's: inactive to active."""
        super().on_activate(state)
        done = self._attempt("activate", self.activate, self._stop)
        if done is not SUCCESS:
            super().on_deactivate(state)
        return done

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Transition of rclpy's: active to inactive."""
        done = self._attempt("deactivate", self._stop, lambda: None)
        super().on_deactivate(state)
        return done

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Transition of rclpy's: inactive to unconfigured."""
        return self._attempt("clean up", lambda: self._take_down(INACTIVE), lambda: None)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Transition of rclpy's: any state to finalized, which ends the process."""
        done = self._attempt("shut down", lambda: self._take_down(state.label), lambda: None)
        self.finish()
        return done

    def _attempt(self, what: str, work: Callable[[], None], undo: Callable[[], None]) -> TransitionCallbackReturn:
        """Do a transition's work; where it fails, say why on the log and in the diagnostics, and undo it."""
        self.failure = None
        try:
            work()
        except Exception as error:
            self.failure = error
            expected = isinstance(error, (NaviSplitError, ParameterException))
            text = str(error) if expected else f"{type(error).__name__}: {error}"
            self.last_error = f"cannot {what}: {text}"
            self.errors += 1
            if not self._starting:
                self.get_logger().error(self.last_error)
            if not expected and not self._starting:
                traceback.print_exception(error, file=sys.stderr)
            undo()
        self.publish_diagnostics()
        return SUCCESS if self.failure is None else FAILURE

    def _stop(self) -> None:
        while self._alive:
            self._alive.pop()()
        self.deactivate()

    def _take_down(self, state: str) -> None:
        if state == ACTIVE:
            self._stop()
        if state != UNCONFIGURED:
            self.cleanup()
        while self._traffic.publishers:
            self.destroy_lifecycle_publisher(self._traffic.publishers.popitem()[1])

    # Parameters -------------------------------------------------------------------------------------------------------

    def describe_parameter(self, name: str) -> ParameterDescriptor:
        """As rclpy's; what is read when the node is configured is read-only from then on."""
        descriptor = super().describe_parameter(name)
        descriptor.read_only = descriptor.additional_constraints == FIXED and self.state != UNCONFIGURED
        return descriptor

    def _judge(self, parameters: list[Parameter]) -> SetParametersResult:
        for parameter in parameters:
            if self.state == UNCONFIGURED or not self.has_parameter(parameter.name):
                continue
            if super().describe_parameter(parameter.name).additional_constraints == FIXED:
                return SetParametersResult(successful=False, reason=why_fixed(self, parameter.name, self.state))
            try:
                self.check(parameter.name, parameter.value)
            except NaviSplitError as error:
                return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _apply(self, parameters: list[Parameter]) -> None:
        for parameter in parameters:
            if self.state != UNCONFIGURED:
                self.change(parameter.name, parameter.value)

    # Diagnostics ------------------------------------------------------------------------------------------------------

    def publish_diagnostics(self) -> None:
        """Tell of state, rates and errors now."""
        if self.state == ACTIVE:
            health = self.health()
        elif self.failure is not None:
            health = Health(ERROR, f"{self.state}: {self.last_error}")
        else:
            health = Health(WARN, self.state)
        values: dict[str, Any] = {"state": self.state, "version": __version__, **health.values, **self._traffic.rates}
        values |= {"errors": self.errors, "last error": self.last_error or "none"}
        part = self.get_name().removesuffix("_node")
        self._diagnostics.publish(diagnostics(self, part, health.level, health.message, values))

    def _measure(self) -> None:
        """Rates since the last time, then publish."""
        self._traffic.measure(time.monotonic())
        self.publish_diagnostics()

    def _misfit(self, topic: str, whose: str, event: Any) -> None:
        policy = qos_policy_name_from_kind(event.last_policy_kind)
        text = f"{topic}: a {whose} of another QoS ({policy}) is not heard; give it the QoS of docs/architecture.md"
        self.complain(f"qos {topic}", text)
