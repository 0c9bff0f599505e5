"""Process of the site or of the live updates, beside a running website. Holds no test."""

import subprocess
import sys

from bench import processes
from bench.processes import ROOT, free_port
from tests.integration.web.website import Website

FILES_MAX = 4_096
"""Limit on open files that the process begins with."""


class WebProcess:
    """`python -m MODULE`, at the port NAME_PORT, a free one; its log is NAME.log in the website's folder."""

    def __init__(self, website: Website, name: str, module: str, files_max: int = FILES_MAX, **settings: str):
        self.port = free_port()
        self._log = (website.system.folder / f"{name}.log").open("ab")
        variables = {f"{name.upper()}_PORT": str(self.port), "REPLICA": name} | settings
        self.process = subprocess.Popen(
            ["sh", "-c", f'ulimit -n {files_max} && exec "$0" -m {module}', sys.executable],
            cwd=ROOT,
            env=processes.with_rights(name, website.system.environment | variables),
            stdout=self._log,
            stderr=self._log,
        )

    def close(self) -> int:
        """Ends the process if it still runs. Returns its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(timeout=60)
        self._log.close()
        return code
