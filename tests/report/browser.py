"""A headless Chromium, driven over the WebDriver protocol with the standard library alone."""

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the protocol's key of an element
KEYS = {"Tab": "\ue004", "Enter": "\ue007", "Escape": "\ue00c"}
KEYS |= {"ArrowLeft": "\ue012", "ArrowUp": "\ue013", "ArrowRight": "\ue014", "ArrowDown": "\ue015"}


def lacking() -> str:
    """Returns what of Chromium is not installed, or "" where all is."""
    if not shutil.which("chromedriver"):
        return "no chromedriver is installed (Debian: chromium-driver)"
    if not any(map(shutil.which, BROWSERS)):
        return f"no Chromium is installed: {', '.join(BROWSERS)} were looked for"
    return ""


class Browser:
    """A window of Chromium; a context manager."""

    def __init__(self, width: int = 1280, height: int = 900, arguments: tuple[str, ...] = ()):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._at = f"http://127.0.0.1:{port}"
        self._driver = subprocess.Popen(
            ["chromedriver", f"--port={port}", "--silent"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        flags += [f"--window-size={width},{height}", "--hide-scrollbars", *arguments]
        browser = next(filter(None, map(shutil.which, BROWSERS)))
        options = {"goog:chromeOptions": {"args": flags, "binary": browser}}
        options |= {"goog:loggingPrefs": {"browser": "ALL"}}
        try:
            self._wait_for_driver()
            wanted = {"capabilities": {"alwaysMatch": options}}
            self._session = f"/session/{self._call('POST', '/session', wanted)['sessionId']}"
        except BaseException:
            self._driver.kill()
            raise

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: Any) -> None:
        try:
            self._call("DELETE", self._session)
        finally:
            self._driver.terminate()
            self._driver.wait(10)

    def open(self, page: Path) -> None:
        self._do("POST", "/url", {"url": page.resolve().as_uri()})

    def js(self, script: str, *arguments: Any) -> Any:
        """Runs a function body and returns what it returns."""
        return self._do("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def all(self, selector: str) -> list[str]:
        found = self._do("POST", "/elements", {"using": "css selector", "value": selector})
        return [element[ELEMENT] for element in found]

    def click(self, selector: str, index: int = 0) -> None:
        element = self.all(selector)[index]
        self.js(
            "const box = arguments[0].getBoundingClientRect();"
            "if (box.top < 60 && !arguments[0].closest('header') || box.bottom > innerHeight)"
            "  arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})",
            {ELEMENT: element},
        )
        self._do("POST", f"/element/{element}/click", {})

    def text(self, selector: str) -> str:
        """The text of the first element that a selector finds, as it is shown."""
        return self._do("GET", f"/element/{self.all(selector)[0]}/text")

    def press(self, *keys: str) -> None:
        """Presses keys one after the other, on whatever has the focus."""
        events = [
            {"type": kind, "value": KEYS[key]} for key in keys for kind in ("keyDown", "keyUp")
        ]
        self._do("POST", "/actions", {"actions": [{"type": "key", "id": "k", "actions": events}]})

    def point(self, x: float, y: float) -> None:
        """Moves the pointer to a place in the window."""
        move = {"type": "pointerMove", "x": round(x), "y": round(y), "duration": 0}
        mouse = {"type": "pointer", "id": "m", "parameters": {"pointerType": "mouse"}}
        self._do("POST", "/actions", {"actions": [mouse | {"actions": [move]}]})

    def wait_for(self, script: str) -> bool:
        """Returns whether an expression comes true: what a browser does by itself takes a while."""
        return any(self.js(f"return {script}") for _ in range(500))

    def said(self) -> list[str]:
        """The errors and warnings of the console since the last call."""
        found = self._do("POST", "/se/log", {"type": "browser"})
        return [entry["message"] for entry in found if entry["level"] in ("SEVERE", "WARNING")]

    def devtools(self, command: str, **parameters: Any) -> Any:
        body = {"cmd": command, "params": parameters}
        return self._do("POST", "/goog/cdp/execute", body)

    def screenshot(self, path: Path, whole: bool = False) -> None:
        if whole:
            found = self.devtools("Page.captureScreenshot", captureBeyondViewport=True)["data"]
        else:
            found = self._do("GET", "/screenshot")
        path.write_bytes(base64.b64decode(found))

    def _do(self, method: str, path: str, body: Any = None) -> Any:
        return self._call(method, self._session + path, body)

    def _wait_for_driver(self) -> None:
        for _ in range(200):
            try:
                if self._call("GET", "/status")["ready"]:
                    return
            except (OSError, urllib.error.URLError):
                time.sleep(0.05)
        raise RuntimeError("chromedriver did not start")

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._at + path, data, method=method)
        request.add_header("Content-Type", "application/json")
        # Not through a proxy that the environment may name: the driver is on this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"]) from None
