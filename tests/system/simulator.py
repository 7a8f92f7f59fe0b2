"""A ``navisplit sim`` process, and a small world for it: ground, and a wall in the north."""

import re
import signal
import subprocess
import sys
import threading

# Only this verb: what the other verbs import is not this test's business.
LAUNCH = "import sys; from navisplit.cli import main; main.COMMAND_MODULES = ('sim',); sys.exit(main.main())"

WORLD = """<?xml version="1.0"?>
<sdf version="1.9"><world name="tiny">
  <light type="directional" name="sun"><direction>-0.4 -0.3 -0.8</direction></light>
  <model name="ground"><static>true</static><pose>0 0 -0.5 0 0 0</pose><link name="l">
    <visual name="v"><geometry><box><size>300 300 1</size></box></geometry></visual></link></model>
  <model name="wall"><static>true</static><pose>0 40 5 0 0 0</pose><link name="l">
    <visual name="v"><geometry><box><size>60 1 10</size></box></geometry></visual></link></model>
</world></sdf>
"""
WALL_NORTH_M = 39.5  # the wall's near face, NED x


class Simulator:
    """A ``navisplit sim`` process."""

    def __init__(self, *arguments):
        command = [sys.executable, "-c", LAUNCH, "sim", *map(str, arguments)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self._news:
                self.lines.append(line.rstrip())
                self._news.notify_all()

    def wait_for_line(self, pattern, seconds=240.0):
        """The first line that matches; the first start on a machine compiles for a minute or two."""
        with self._news:
            found = self._news.wait_for(lambda: [m for m in map(re.compile(pattern).search, self.lines) if m], seconds)
        assert found, self.lines
        return found[0]

    def end(self, number=signal.SIGTERM):
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(20.0)
        self._reader.join(5.0)
        return code
