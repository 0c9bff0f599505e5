"""Control of the chaos proxy (proxy.py): starts it, gives each process its own addresses, and passes commands to it."""

import json
import subprocess
import sys
from pathlib import Path

from sqlalchemy.engine import make_url

from bench.processes import url_of

ROOT = Path(__file__).resolve().parents[2]

AMQP, DATABASE = "amqp", "database"
PUBLISHER = "publisher"


class Links:
    """Links through the proxy, one for each process and server: `process/amqp`, `process/database`, and `quotes`."""

    def __init__(
        self, processes: list[str], amqp_url: str, database_url: str, quote_server: tuple[str, int], folder: Path
    ):
        self._urls = {AMQP: make_url(amqp_url), DATABASE: make_url(database_url)}
        self.answers_file = folder / "quote-answers.jsonl"
        self.answers_file.touch()
        targets = {
            f"{process}/{server}": (url.host, url.port) for process in processes for server, url in self._urls.items()
        }
        self.names = list(targets)
        settings = {"targets": targets, "quote_server": quote_server, "answers_file": str(self.answers_file)}
        with (folder / "proxy.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.proxy", json.dumps(settings)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._ports = json.loads(self._process.stdout.readline())

    def environment(self, process: str) -> dict[str, str]:
        """Returns the addresses that this process must use."""
        return {
            "AMQP_URL": url_of(process, self._url(process, AMQP)),
            "DATABASE_URL": self._url(process, DATABASE),
            "QUOTE_SERVER": f"127.0.0.1:{self._ports['quotes']}",
        }

    def reset(self, names: list[str]) -> int:
        """Resets all connections of these links; returns how many there were."""
        return self._do(do="reset", links=names)

    def delay(self, names: list[str], seconds: float) -> None:
        """Delays each direction of these links from now on."""
        self._do(do="delay", links=names, seconds=seconds)

    def quotes(self, mode: str) -> int:
        """Sets the quote server's behaviour from now on; returns how many requests the previous mode affected."""
        return self._do(do="quotes", mode=mode)

    def close(self) -> None:
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.kill()
        self._process.wait()

    def _url(self, process: str, server: str) -> str:
        url = self._urls[server].set(host="127.0.0.1", port=self._ports[f"{process}/{server}"])
        return url.render_as_string(hide_password=False)

    def _do(self, **command: object) -> int:
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())
