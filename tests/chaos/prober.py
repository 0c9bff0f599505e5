"""Prober of the running system: sends commands as users do after each fault, and notes when they took effect.

It runs in a thread with its own connections, which no fault of the proxy reaches. It also sends
invalid messages and requests dumps. The harness knows exactly what it sent and what was confirmed, so its commands are
judged like the workload.
"""

import itertools
import queue
import random
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from producers.command_publisher import CommandPublisher
from rabbitmq.connection import open_connection
from rabbitmq.rights import url_for
from rabbitmq.roles import BrokerRole
from schema.commands import PARTITIONS, Command, CommandName, command_id, partition_of
from tests.chaos import invalid_messages
from tests.chaos.database_view import APPLICATION, DatabaseView
from tests.chaos.dumps import Dumps
from tests.chaos.sent_commands import WorkloadCommand

PIPELINE, QUOTE, FILL = "pipeline", "quote", "fill"
"""Kinds of probes: all partitions up to the audit entry; a symbol without quote; a trigger order on such a symbol."""

FIRST_NUMBER = 10_000_000
"""First transaction number of the prober, above all numbers of a workload."""

POLL_SECONDS = 0.05
QUOTE_AGAIN_SECONDS = 0.5
DUMPS_PAUSE_SECONDS = 3.0
FILL_SYMBOLS = 2
AMOUNT_CENTS = 500_000


def _users() -> list[str]:
    found: dict[int, str] = {}
    for n in itertools.count():
        found.setdefault(partition_of(f"probe{n}"), f"probe{n}")
        if len(found) == PARTITIONS:
            return [found[partition] for partition in range(PARTITIONS)]


USERS = _users()
"""Users of the prober, one in each partition."""


@dataclass
class Probe:
    """Probe under way. `done_at`: when the last of its commands had its effect, audit entry included."""

    parts: frozenset[str]
    sent_at: float = field(default_factory=time.monotonic)
    ids: set[bytes] = field(default_factory=set)
    numbers: set[int] = field(default_factory=set)
    quote_again_at: float = 0.0
    quoted: bool = False
    filled: set[str] = field(default_factory=set)
    done_at: float | None = None


class Prober(threading.Thread):
    """Prober of a round. `dumps`: dumps that it requests with each pipeline probe and with some quote probes."""

    def __init__(self, amqp_url: str, database_url: str, source: int, seed: int, dumps: Dumps):
        super().__init__(name="prober", daemon=True)
        self._amqp_url = url_for(BrokerRole.OPERATOR, amqp_url)
        self._database = DatabaseView(database_url)
        self._source = source
        self._dumps = dumps
        self._draw = random.Random(seed)
        self._wishes: queue.Queue = queue.Queue()
        self._symbols = (f"P{a}{b}" for a in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" for b in "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        self._numbers = itertools.count(1)
        self._open: list[Probe] = []
        self._dumps_at = 0.0
        self._stopping = threading.Event()
        self.given: list[WorkloadCommand] = []
        """Commands confirmed so far; their ids count from 1."""
        self.invalid: set[bytes] = set()
        """Bodies from invalid_messages.py that are in the streams at least once."""
        self.defect: BaseException | None = None

    def probe(self, *parts: str) -> Probe:
        """Begins a probe, at once or when the broker is reachable."""
        probe = Probe(frozenset(parts))
        self._wishes.put(probe)
        return probe

    def stir(self) -> None:
        """Sends a probe of every kind for which nobody waits, to give the processes work."""
        self._wishes.put(None)

    def send_invalid_messages(self, count: int) -> threading.Event:
        """Publishes invalid messages. Returns an event that is set when all of them are in the streams."""
        done = threading.Event()
        self._wishes.put((count, done))
        return done

    def stop(self) -> None:
        self._stopping.set()
        self.join(70)
        assert not self.is_alive(), "the prober hangs"

    def run(self) -> None:
        try:
            publisher = CommandPublisher(self._connect)
            while not self._stopping.is_set():
                self._serve(publisher)
                self._look(publisher)
            publisher.close()
        except BaseException as error:  # the harness reads this and ends the round
            self.defect = error
        finally:
            self._database.close()

    def _connect(self):
        return open_connection(self._amqp_url, APPLICATION)

    def _serve(self, publisher: CommandPublisher) -> None:
        try:
            wish = self._wishes.get(timeout=POLL_SECONDS)
        except queue.Empty:
            publisher.pump()
            return
        if isinstance(wish, tuple):
            count, done = wish
            self.invalid |= invalid_messages.send(self._connect, self._draw, count)
            done.set()
            return
        probe = wish or Probe(frozenset((PIPELINE, QUOTE, FILL)))
        commands = []
        if PIPELINE in probe.parts:
            commands += [self._command(CommandName.ADD, user, amount_cents=AMOUNT_CENTS) for user in USERS]
        if FILL in probe.parts:
            commands += self._trigger_commands(probe)
        probe.ids = {command.command_id for command in commands}
        probe.numbers = {command.transaction_number for command in commands}
        self._publish(publisher, commands)
        if wish is None:
            return
        self._open.append(probe)
        if PIPELINE in probe.parts or time.monotonic() >= self._dumps_at:
            self._dumps_at = time.monotonic() + DUMPS_PAUSE_SECONDS
            self._publish(publisher, *self._dumps.commands(self._command, len(self.given)))

    def _trigger_commands(self, probe: Probe) -> list[Command]:
        commands = []
        for user in self._draw.sample(USERS, FILL_SYMBOLS):
            symbol = next(self._symbols)
            probe.filled.add(symbol)
            commands += [
                self._command(CommandName.ADD, user, amount_cents=AMOUNT_CENTS),
                self._command(CommandName.SET_BUY_AMOUNT, user, symbol, AMOUNT_CENTS),
                self._command(CommandName.SET_BUY_TRIGGER, user, symbol, AMOUNT_CENTS),
            ]
        return commands

    def _command(
        self,
        name: CommandName,
        user: str | None,
        symbol: str | None = None,
        amount_cents: int | None = None,
        filename: str | None = None,
    ) -> Command:
        number = next(self._numbers)
        identity = (command_id(self._source, number), FIRST_NUMBER + number)
        return Command(*identity, name, user, symbol, amount_cents, filename)

    def _publish(
        self, publisher: CommandPublisher, commands: list[Command], asked_by: Iterable[str | None] = ()
    ) -> None:
        for command, asker in itertools.zip_longest(commands, asked_by):
            publisher.publish(command, asker)
        publisher.flush()
        self.given += [
            WorkloadCommand(
                one.transaction_number, one.name.value, one.user, one.symbol, one.amount_cents, one.filename
            )
            for one in commands
        ]

    def _look(self, publisher: CommandPublisher) -> None:
        for probe in list(self._open):
            if QUOTE in probe.parts and not probe.quoted and time.monotonic() >= probe.quote_again_at:
                probe.quote_again_at = time.monotonic() + QUOTE_AGAIN_SECONDS
                self._publish(
                    publisher, [self._command(CommandName.QUOTE, self._draw.choice(USERS), next(self._symbols))]
                )
            if self._is_done(probe):
                probe.done_at = time.monotonic()
                self._open.remove(probe)

    def _is_done(self, probe: Probe) -> bool:
        if QUOTE in probe.parts and not probe.quoted:
            # Any price requested after the fault will do, because it shows that quotes can be bought again.
            found = self._database.rows_or_none(
                _QUOTED, (int((time.time() - (time.monotonic() - probe.sent_at)) * 1000),)
            )
            probe.quoted = bool(found)
            if not probe.quoted:
                return False
        found = self._database.rows_or_none(_LOGGED, (list(probe.numbers),))
        if found is None or found[0][0] < len(probe.numbers):
            return False
        found = self._database.rows_or_none(_FILLED, (list(probe.filled),))
        return found is not None and found[0][0] >= len(probe.filled)


_QUOTED = """
    SELECT 1 FROM history h JOIN quote_fetches q USING (quote_id) WHERE q.asked_at_ms >= %s AND h.outcome = 'done'
    LIMIT 1"""

_LOGGED = "SELECT count(*) FROM audit_events WHERE kind = 'userCommand' AND transaction_number = ANY(%s)"

_FILLED = "SELECT count(DISTINCT symbol) FROM history WHERE kind = 'fill' AND symbol = ANY(%s)"
