"""Ctrl-C in an evaluation is never lost, and never reaches its workers."""

import os
import signal
import subprocess
import sys

import pytest

from navisplit.evaluate.fleet import sigint_deferred


def test_a_ctrl_c_while_workers_are_started_counts_right_after():
    reached = False
    with pytest.raises(KeyboardInterrupt):
        with sigint_deferred():
            os.kill(os.getpid(), signal.SIGINT)
            reached = True
        pytest.fail("the signal was lost")
    assert reached
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_process_started_meanwhile_is_not_reached_by_it():
    ask = "import signal; print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    with sigint_deferred():
        inside = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True).stdout
    outside = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True).stdout
    assert (inside.strip(), outside.strip()) == ("True", "False")
