"""A flight that stops whenever the edge has to decide, so that somebody outside decides.

The flight is ``navisplit.evaluate.flight.Flight`` as it is: it runs in a thread of its own, and its pilot waits there.
One of the two threads always waits for the other, so the result does not depend on the machine.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

from navisplit.config import PolicyConfig
from navisplit.edge.policies import Decision, DepthImage, Policy, State, View
from navisplit.evaluate.episode import Episode
from navisplit.evaluate.flight import Flight
from navisplit.frames import VelocityCommand


class _Cancelled(BaseException):
    """The flight is not wanted any more. No ``Exception``: nothing on the way may take it for an error."""


@dataclass(frozen=True)
class Question:
    """What the edge asks its pilot."""

    image: DepthImage | None
    view: View | None
    state: State
    stamp_ns: int


class _Waiting:
    """A pilot (``Policy``) that asks, and waits for the answer."""

    def __init__(self, ask: Callable[[Question], VelocityCommand]) -> None:
        self._ask = ask

    def act(self, image: DepthImage | None, view: View | None, state: State, stamp_ns: int) -> Decision:
        return Decision(self._ask(Question(image, view, state, stamp_ns)), 0.0, 1.0)

    def reset(self) -> None:
        """Nothing is remembered here."""


class SteppedFlight:
    """Runs a flight from question to question. Its crew has to be made with ``self.pilot`` as the policy."""

    def __init__(self) -> None:
        self.episode: Episode | None = None
        self._questions: queue.Queue[Question | BaseException | None] = queue.Queue()
        self._answers: queue.Queue[VelocityCommand | None] = queue.Queue()
        self._thread: threading.Thread | None = None

    def pilot(self, config: PolicyConfig) -> Policy:
        """The policy of the flight's edge server."""
        return _Waiting(self._ask)

    def start(self, flight: Flight) -> Question | None:
        """Fly up to the first question; None when the flight ended before."""
        self._thread = threading.Thread(target=self._run, args=(flight,), name="flight", daemon=True)
        self._thread.start()
        return self._next()

    def answer(self, command: VelocityCommand) -> Question | None:
        """Fly on with a command up to the next question; None when the flight ended, and ``episode`` tells how."""
        self._answers.put(command)
        return self._next()

    def cancel(self) -> None:
        """End the flight where it is."""
        if self._thread is not None and self._thread.is_alive():
            self._answers.put(None)
            self._thread.join()

    def _next(self) -> Question | None:
        question = self._questions.get()
        if isinstance(question, BaseException):
            raise question
        return question

    def _ask(self, question: Question) -> VelocityCommand:
        self._questions.put(question)
        command = self._answers.get()
        if command is None:
            raise _Cancelled
        return command

    def _run(self, flight: Flight) -> None:
        try:
            self.episode = flight.run()
            self._questions.put(None)
        except _Cancelled:
            pass
        except BaseException as error:  # raised again where the caller waits
            self._questions.put(error)
