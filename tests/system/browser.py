"""A headless Chromium, driven over its own debugging protocol (websockets come with viser)."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # the tests may run as root
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--hide-scrollbars",
    "--use-gl=angle",
    "--use-angle=swiftshader",  # WebGL without a graphics card
    "--enable-unsafe-swiftshader",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
)


class Tab:
    """One page."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.requested: list[str] = []  # addresses of everything that the page has loaded
        self.errors: list[str] = []  # exceptions that its scripts did not catch
        for domain in ("Page", "Runtime", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv(timeout=60))
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]
            self._note(answer)

    def _note(self, event: dict[str, Any]) -> None:
        if event.get("method") == "Network.requestWillBeSent":
            self.requested.append(event["params"]["request"]["url"])
        elif event.get("method") == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(event["params"]["exceptionDetails"])[:500])

    def open(self, url: str) -> None:
        """Go to an address."""
        self.call("Page.navigate", url=url)

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        return self.call("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    @property
    def text(self) -> str:
        """All text on the page."""
        return self.run("document.body ? document.body.innerText : ''") or ""

    def wait_for(self, text: str, timeout_s: float = 60.0) -> str:
        """The page's text, once it holds ``text``."""
        deadline = time.monotonic() + timeout_s
        while text not in (seen := self.text):
            assert time.monotonic() < deadline, f"no {text!r} on the page: {seen!r}\n{self.errors}"
            time.sleep(0.1)
        return seen

    def click(self, label: str) -> None:
        """Press the button or box of that text."""
        found = self.run(
            "(() => { const all = [...document.querySelectorAll('button, label, input')];"
            f"const it = all.find(e => (e.innerText || '').trim() === {json.dumps(label)});"
            "if (it) it.click(); return !!it; })()"
        )
        assert found, f"nothing to click says {label!r}: {self.text!r}"

    def picture(self, path: Path | None = None) -> np.ndarray:
        """What is seen, (H, W, 3) RGB; also into a PNG file."""
        data = base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
        if path is not None:
            path.write_bytes(data)
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


@contextlib.contextmanager
def browser(folder: Path, size: tuple[int, int] = (1280, 720)) -> Iterator[Tab]:
    """A browser with one empty tab; the test is skipped where there is none. ``folder`` holds its profile."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"no browser is installed: looked for {', '.join(NAMES)} (on Debian: apt install chromium)")
    connect = pytest.importorskip("websockets.sync.client", reason="websockets is missing: make setup").connect
    profile = folder / "profile"
    window = f"--window-size={size[0]},{size[1]}"
    command = [program, *FLAGS, window, f"--user-data-dir={profile}", "about:blank"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with connect(_tab_address(profile / "DevToolsActivePort"), max_size=None, proxy=None) as socket:
            yield Tab(socket)
    finally:
        process.terminate()
        process.wait(timeout=20)


def _tab_address(port_file: Path, timeout_s: float = 60.0) -> str:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if port_file.is_file() and len(lines := port_file.read_text().splitlines()) == 2:
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            tabs = json.load(opener.open(f"http://127.0.0.1:{lines[0]}/json", timeout=10))
            pages = [tab for tab in tabs if tab["type"] == "page"]
            if pages:
                return pages[0]["webSocketDebuggerUrl"]
        time.sleep(0.1)
    raise AssertionError(f"the browser has not started: no tab in {timeout_s:g} s")
