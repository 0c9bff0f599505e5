"""The whole system with its web processes, for browser tests: started as `make web` starts it, on free ports."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from bench import processes
from bench.processes import ROOT, free_port
from tests.browser.quote_server import SteeredQuotes
from tests.e2e.system import System

WORKERS = ("quotecache", "triggers", "audit", "transactions-0")
SECRET_KEY = "a secret that only the browser tests use"


class SiteUnderTest(System):
    """System with its site. `quotes`: the legacy server whose prices the test sets."""

    def __init__(self, amqp_url: str, database_url: str, folder: Path, quotes: SteeredQuotes):
        self.port, self.live_port = free_port(), free_port()
        super().__init__(
            amqp_url,
            database_url,
            folder,
            QUOTE_SERVER=quotes.address,
            WEB_PORT=str(self.port),
            LIVE_PORT=str(self.live_port),
            SECRET_KEY=SECRET_KEY,
            # Three attempts at a silent server take a little longer than a form waits (6 s).
            QUOTE_TIMEOUT_MS="2500",
            # All people sign up from one address.
            WEB_LIMITS="off",
        )
        self.quotes = quotes

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start_web(self, *names: str) -> None:
        """Starts the site and its live updates, or only those named."""
        for name in names or processes.SITE:
            self.processes[name] = processes.start(name, self.folder, self.environment)

    def answers(self) -> bool:
        """Whether the site serves pages."""
        try:
            with urllib.request.urlopen(f"{self.url}/login", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def streams(self) -> int:
        """Returns how many pages hold a stream of live updates."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.live_port}/healthz", timeout=5) as answer:
            return json.load(answer)["streams"]

    def make_administrator(self, name: str, password: str) -> None:
        """Makes a person an administrator through the same command as `make admin`."""
        subprocess.run(
            [sys.executable, "-m", "operators", "admin", name],
            cwd=ROOT,
            env={**os.environ, **self.environment, "PASSWORD": password},
            check=True,
            capture_output=True,
            timeout=60,
        )
