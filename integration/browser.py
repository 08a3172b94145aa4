"""A headless Chromium in a namespace of the lab, and `evpnd web` beside it."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from integration.lab import Host
from integration.lab_evpnd import command
from integration.lab_netns import PATIENCE, LabError, Process, inside, wait_until

CHROMIUM = "/usr/bin/chromium"
PORT = 9472
URL = f"http://127.0.0.1:{PORT}"
SOON = 10.0 * PATIENCE
"""Seconds in which a page that looks every three seconds has to show a change."""

expect.set_options(timeout=1000 * SOON)


class Glass:
    """`evpnd web` in a host's namespace, with root's files and none of its rights."""

    def __init__(self, host: Host, sockets: Sequence[Path]) -> None:
        """Start it; it listens when this returns."""
        self._host = host
        self._sockets = sockets
        self.process = self._start()

    def _start(self) -> Process:
        unprivileged = ["setpriv", "--bounding-set=-all", "--no-new-privs"]
        argv = [*unprivileged, *command(), "web", "--listen", f"127.0.0.1:{PORT}"]
        for each in self._sockets:
            argv += ["--socket", str(each)]
        process = self._host.process("web", *argv)
        wait_until(self._answers, 20, "evpnd web listens", seen=process.tail)
        return process

    def _answers(self) -> bool:
        try:
            self.get("/api/v1")
        except OSError:
            return False
        return True

    def get(self, path: str) -> tuple[bytes, float]:
        """Return what a path answers, and how many seconds it took."""
        began = time.monotonic()
        # Connected here; the rest of the process stays where it is.
        with inside(self._host.namespace), urlopen(URL + path, timeout=60) as answer:
            body: bytes = answer.read()
        return body, time.monotonic() - began

    def restart(self) -> None:
        """Start it again after it was stopped."""
        self.process = self._start()


@contextmanager
def chromium(host: Host) -> Iterator[Browser]:
    """Start a browser in a host's namespace."""
    run = host.lab.directory / "chromium"
    run.write_text(f'#!/bin/sh\nexec ip netns exec {host.namespace} {CHROMIUM} "$@"\n')
    run.chmod(0o755)
    home: dict[str, str | float | bool] = {
        **os.environ,
        "HOME": str(host.lab.directory),
    }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=run, args=["--no-sandbox", "--disable-gpu"], env=home
        )
        try:
            yield browser
        finally:
            browser.close()


class Watched:
    """A tab, and what went wrong in it."""

    def __init__(self, context: BrowserContext) -> None:
        """Open a tab in a browser's context."""
        self.page: Page = context.new_page()
        self.page.set_default_timeout(1000 * SOON)
        self.errors: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda said: self._note(said.type, said.text))
        self.page.on("pageerror", lambda error: self._note("error", str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.errors.append(text)

    def open(self, path: str) -> Page:
        """Go to a page; LabError where the browser complains of anything."""
        self.page.goto(URL + path)
        self.expect_quiet()
        return self.page

    def expect_quiet(self) -> None:
        """Check that nothing went wrong, and that no other host was asked."""
        strangers = [url for url in self.asked if not url.startswith(f"{URL}/")]
        if self.errors or strangers:
            raise LabError(f"{self.page.url}: {self.errors} {strangers}")
