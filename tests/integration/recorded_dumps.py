"""Dumps as the audit worker has recorded them, for tests of how their files are written. No assertions of its own."""

import os
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from consumers.audit import dump_store, dump_writing
from consumers.audit.dump_folder import DumpFolder
from consumers.audit.dump_store import WaitingDump
from database.pool import Pool
from schema.commands import PARTITIONS
from schema.errors import DumpImpossible
from schema.events import QUOTECACHE_SOURCE
from schema.outcomes import DumpState
from schema.settings import MEGABYTE, DumpLimits, from_environment

ROOMY = DumpLimits(files_each=1_000, bytes_each=1_000 * MEGABYTE, folder_files=1_000, folder_bytes=1_000 * MEGABYTE)
"""Limits that no test reaches by accident."""


class RecordedDumps:
    """Dumps as the audit worker has recorded them, over a log without entries, and the folder for their files."""

    def __init__(self, database_url: str, folder: Path, **settings: str):
        self.folder = folder
        self.limits = ROOMY
        self.settings = from_environment(
            os.environ | {"DATABASE_URL": database_url, "DUMP_DIR": str(folder), "REPLICA": "test"} | settings
        )
        self.database = psycopg.connect(database_url, autocommit=True)
        self._opened = ExitStack()
        self.pool = self._opened.enter_context(closing(Pool(database_url, "test", 2)))
        self._reader = self._opened.enter_context(dump_store.reader(self.pool, "dumper test"))
        self._numbers = dict.fromkeys(range(PARTITIONS), 0)

    def close(self) -> None:
        self._opened.close()
        self.database.close()

    def ask(
        self, filename: str, source: int = 7, user: str | None = "ann", markers: tuple[int, ...] = ()
    ) -> WaitingDump:
        """Records a DUMPLOG and stores its markers. `markers`: the sources whose markers it stores, if not all."""
        dump = WaitingDump(f"{self._count():032x}", user, filename)
        row = (dump.dump_id, dump.user, dump.filename)
        self.database.execute("INSERT INTO dumps (dump_id, user_id, filename) VALUES (%s, %s, %s)", row)
        self.mark(dump, *(markers or ((source,) if user else range(PARTITIONS))))
        return dump

    def mark(self, dump: WaitingDump, *sources: int) -> None:
        """Stores the dump's markers of these sources; the last of them completes the dump."""
        for source in sources:
            self._numbers[source] += 1
            self._mark(dump, source, self._numbers[source])
        if dump.user or self._count_markers(dump) == PARTITIONS:
            self._mark(dump, QUOTECACHE_SOURCE, 0)

    def limit(self, **limits: int) -> None:
        """Sets limits on files and bytes."""
        self.limits = replace(self.limits, **limits)

    def write(self, dump: WaitingDump) -> DumpState:
        return dump_writing.write(self._reader, dump, DumpFolder(self.folder, self.limits))

    def draft(self, dump: WaitingDump) -> Path:
        """Returns the path at which the dump's file is prepared."""
        return dump_writing.draft_path(self.folder, dump, dump.dump_id)

    def refuses(self, dump: WaitingDump) -> str:
        """Returns the reason why the dump can never have a file."""
        with pytest.raises(DumpImpossible) as caught:
            self.write(dump)
        return str(caught.value)

    def became(self, dump: WaitingDump) -> tuple[str, str | None]:
        """Returns the dump's state, and the reason why it has no file."""
        return self.database.execute(
            "SELECT state::text, failure FROM dumps WHERE dump_id = %s", (dump.dump_id,)
        ).fetchone()

    def _mark(self, dump: WaitingDump, source: int, number: int) -> None:
        self.database.execute("INSERT INTO dump_markers VALUES (%s, %s, %s)", (dump.dump_id, source, number))

    def _count(self) -> int:
        return self.database.execute("SELECT count(*) FROM dumps").fetchone()[0]

    def _count_markers(self, dump: WaitingDump) -> int:
        query = "SELECT count(*) FROM dump_markers WHERE dump_id = %s"
        return self.database.execute(query, (dump.dump_id,)).fetchone()[0]
