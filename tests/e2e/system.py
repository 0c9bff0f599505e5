"""Processes of the system for a test, started as supervisord starts them; the test kills and restarts them."""

import os
import signal
import subprocess
from pathlib import Path

from bench import processes

PROCESSES = ("quote-server", "quotecache", "triggers", "audit", "transactions-0", "transactions-1")


class System:
    """All worker processes on a test's database and vhost. Their logs are files in `folder`."""

    def __init__(self, amqp_url: str, database_url: str, folder: Path, **settings: str):
        self.folder = folder
        self.dump_dir = folder / "dumps"
        self.environment = {
            **os.environ,
            "AMQP_URL": amqp_url,
            "DATABASE_URL": database_url,
            "DUMP_DIR": str(self.dump_dir),
            "QUOTE_SERVER": f"127.0.0.1:{processes.free_port()}",
            "QUOTES": "instant",
            "PYTHONWARNINGS": "error",
            **settings,
        }
        self.processes: dict[str, subprocess.Popen] = {}

    def start(self, *names: str, **settings: str) -> None:
        """Starts these processes, or all. `settings` are added to their environment."""
        for name in names or PROCESSES:
            self.processes[name] = processes.start(name, self.folder, self.environment | settings)

    def kill(self, name: str) -> None:
        """Kills a process with SIGKILL, and waits for its end."""
        self.processes[name].kill()
        self.processes[name].wait()

    def send(self, name: str, number: signal.Signals) -> None:
        self.processes[name].send_signal(number)

    def stop(self) -> dict[str, int]:
        """Sends SIGTERM to all that still run; returns their exit codes."""
        for process in self.processes.values():
            if process.poll() is None:
                process.terminate()
        return {name: process.wait(timeout=60) for name, process in self.processes.items()}

    def destroy(self) -> None:
        """Kills all that still run."""
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait()

    def load(self, workload: Path, report: Path) -> subprocess.Popen:
        """Starts the load driver; its output goes to `loadtest.log`."""
        settings = {
            "WORKLOAD": str(workload),
            "REPORT": str(report),
            "REPORT_HTML": str(report.with_suffix(".html")),
            "REPLICAS": "2",
        }
        driver = processes.start_module("operators", "loadtest", self.folder, self.environment | settings, "load")
        self.processes["loadtest"] = driver
        return driver

    def log(self, name: str) -> str:
        """Returns all output of a process."""
        return (self.folder / f"{name}.log").read_text()
