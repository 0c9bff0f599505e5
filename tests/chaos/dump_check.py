"""Whether a dump is exactly what the log holds up to its markers: each entry once, field by field. Reads only."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from lxml import etree

from schema.events import source_name
from tests.chaos.eye import Eye

Entry = tuple[tuple[str, str], ...]
"""An element: its name, and its fields, sorted."""


def differences(eye: Eye, dump_id: str, file: Path) -> list[str]:
    """What is in one and not in the other."""
    if not file.exists():
        return ["there is no dump"]
    dumped, logged = Counter(_dumped(file)), Counter(_logged(eye, dump_id))
    found = [f"only in the dump: {entry}" for entry in dumped - logged]
    return found + [f"only in the log: {entry}" for entry in logged - dumped]


def _dumped(file: Path) -> Iterator[Entry]:
    for _, element in etree.iterparse(file, events=("end",)):
        if len(element) and element.tag != "log":
            yield (("", element.tag), *sorted((field.tag, field.text or "") for field in element))
            element.clear()


def _logged(eye: Eye, dump_id: str) -> Iterator[Entry]:
    for source, kind, at_ms, number, command, user, symbol, filename, cents, message, time, key in eye.rows(
        _LOGGED, (dump_id,)
    ):
        fields = {"timestamp": at_ms, "server": source_name(source), "transactionNum": number, "username": user or None}
        money = None if cents is None else f"{Decimal(abs(cents)) / 100:.2f}"
        if kind == "accountTransaction":
            fields |= {"action": "add" if cents > 0 else "remove", "funds": money}
        elif kind == "quoteServer":
            fields |= {"price": money, "stockSymbol": symbol, "quoteServerTime": time, "cryptokey": key}
        else:
            fields |= {"command": command, "stockSymbol": symbol, "filename": filename, "funds": money}
            fields |= {{"errorEvent": "errorMessage", "debugEvent": "debugMessage"}.get(kind, "-"): message}
        yield (("", kind), *sorted((name, str(value)) for name, value in fields.items() if value is not None))


_LOGGED = """
    SELECT source, kind::text, at_ms, transaction_number, command::text, user_id, symbol, filename, funds_cents,
           message, quote_server_time, cryptokey
    FROM audit_events e JOIN dump_markers m USING (source)
    WHERE m.dump_id = %s AND e.number <= m.number AND e.kind <> 'marker'"""
