"""A headless Chromium that a test drives through its debugging pipe: real time, any size, any theme."""

import base64
import json
import os
import subprocess
import time
from contextlib import contextmanager

_SILENT = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


class Browser:
    """One page of it. `messages` are what its console was told, `requests` the addresses it asked for."""

    def __init__(self, process, out, into):
        self._process, self._out, self._in = process, out, into
        self._number, self._buffer, self._session = 0, b"", None
        self.messages, self.requests = [], []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self._call(f"{domain}.enable")

    def _call(self, method, **parameters):
        self._number += 1
        asked = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            asked["sessionId"] = self._session
        os.write(self._out, json.dumps(asked).encode() + b"\0")
        while True:
            told = self._next()
            if told.get("id") == self._number:
                assert "error" not in told, told["error"]
                return told["result"]

    def _next(self):
        while b"\0" not in self._buffer:
            read = os.read(self._in, 1 << 20)
            assert read, "the browser ended"
            self._buffer += read
        text, _, self._buffer = self._buffer.partition(b"\0")
        told = json.loads(text)
        method, said = told.get("method"), told.get("params", {})
        if method == "Runtime.consoleAPICalled":
            self.messages.append(str([each.get("value") for each in said["args"]]))
        elif method == "Runtime.exceptionThrown":
            self.messages.append(
                said["exceptionDetails"].get("exception", {}).get("description", "?")
            )
        elif method == "Log.entryAdded":
            self.messages.append(said["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(said["request"]["url"])
        return told

    def size(self, width, height, phone=False):
        """Set the size of the window in CSS pixels."""
        scale = 2 if phone else 1
        screen = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": phone}
        self._call("Emulation.setDeviceMetricsOverride", **screen)

    def media(self, kind="", dark=False):
        """Show the page as in print, or in the dark theme."""
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self._call("Emulation.setEmulatedMedia", media=kind, features=features)

    def open(self, address):
        """Go to an address and wait until the page has loaded."""
        self._call("Page.navigate", url=address)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def ask(self, script):
        """Give the value of an expression, a promise's once it is kept."""
        options = {"returnByValue": True, "awaitPromise": True, "userGesture": True}
        result = self._call("Runtime.evaluate", expression=script, **options)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def until(self, script, seconds=20):
        """Wait until an expression is true; give back how long that took."""
        begun = time.monotonic()
        while not self.ask(script):
            assert time.monotonic() - begun < seconds, f"never: {script}"
            time.sleep(0.05)
        return time.monotonic() - begun

    def press(self, key, code):
        """Press and let go a key of the keyboard."""
        for kind in ("rawKeyDown", "keyUp"):
            told = {"key": key, "code": key, "windowsVirtualKeyCode": code}
            self._call("Input.dispatchKeyEvent", type=kind, **told)

    def picture(self, path, whole=False):
        """Take a screenshot, of the `whole` page or of what the window shows."""
        shot = self._call("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def pdf(self, path):
        """Print the page."""
        path.write_bytes(base64.b64decode(self._call("Page.printToPDF")["data"]))


@contextmanager
def browsing(chromium, profile):
    """Start a browser, and end it with the context."""
    theirs_in, out = os.pipe()
    into, theirs_out = os.pipe()

    def as_it_expects():
        high = [os.dup(theirs_in), os.dup(theirs_out)]
        os.dup2(high[0], 3)
        os.dup2(high[1], 4)

    process = subprocess.Popen(
        [
            chromium,
            *_SILENT,
            f"--user-data-dir={profile}",
            "--remote-debugging-pipe",
            "about:blank",
        ],
        preexec_fn=as_it_expects,
        close_fds=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        yield Browser(process, out, into)
    finally:
        process.terminate()
        process.wait(20)
        os.close(out)
        os.close(into)
