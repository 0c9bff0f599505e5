"""API calls for history and its exports, the watch list, dumps of the log, and the state of operations."""

from functools import partial

from flask import Response

from webapp import downloads, reads
from webapp.accounts import Person
from webapp.api.operation import operation
from webapp.api.problems import ProblemError
from webapp.api.requests import DeadLettersQuery, HistoryPageQuery, HistoryQuery
from webapp.bounds import HexId, SymbolLetters
from webapp.exports import export


@operation("GET", "/history", {200: reads.HistoryPage}, query=HistoryPageQuery)
def list_history(person: Person, query: HistoryPageQuery) -> reads.HistoryPage:
    """List your history, newest rows first."""
    return reads.history(person.user_id, query.chosen(), query.page, query.size, query.before)


@operation("GET", "/history.csv", {200: "text/csv"}, query=HistoryQuery)
def export_history_csv(person: Person, query: HistoryQuery) -> Response:
    """Export your history as CSV, oldest rows first: all rows, or those that match the filter."""
    return export(person.user_id, partial(reads.history_csv, person.user_id, query.chosen()), "text/csv")


@operation("GET", "/history.json", {200: list[reads.HistoryRowView]}, query=HistoryQuery)
def export_history_json(person: Person, query: HistoryQuery) -> Response:
    """Export your history as JSON, oldest rows first: all rows, or those that match the filter."""
    rows = partial(reads.history_json, person.user_id, query.chosen())
    return export(person.user_id, rows, "application/json")


@operation("GET", "/watchlist", {200: list[str]})
def list_watched(person: Person) -> list[str]:
    """List the symbols that you watch."""
    return reads.watched_symbols(person.user_id)


@operation("PUT", "/watchlist/{symbol}", {200: list[str]}, path_parameters={"symbol": SymbolLetters}, errors=(409,))
def watch_symbol(person: Person, symbol: str) -> list[str]:
    """Watch a symbol."""
    if not reads.watch(person.user_id, symbol.upper()):
        raise ProblemError(409, "your watch list is full: remove a symbol first")
    return reads.watched_symbols(person.user_id)


@operation("DELETE", "/watchlist/{symbol}", {200: list[str]}, path_parameters={"symbol": SymbolLetters})
def unwatch_symbol(person: Person, symbol: str) -> list[str]:
    """Stop watching a symbol."""
    reads.unwatch(person.user_id, symbol.upper())
    return reads.watched_symbols(person.user_id)


@operation("GET", "/dumps", {200: list[downloads.DumpFile]})
def list_dumps(person: Person) -> list[downloads.DumpFile]:
    """List the log dumps that you requested, with their states. `failure` says why a dump has no file."""
    return downloads.listed(person)


@operation("GET", "/dumps/{dump_id}", {200: "application/xml"}, path_parameters={"dump_id": HexId})
def download_dump(person: Person, dump_id: str) -> Response:
    """Download the file of a dump."""
    response = downloads.send(person, dump_id)
    if response is None:
        raise ProblemError(404, "you cannot download a file of this dump: GET /dumps shows its state")
    return response


@operation("GET", "/operations", {200: reads.Operations}, errors=(403,))
def get_operations(person: Person) -> reads.Operations:
    """Show the state of the system; for administrators only."""
    if not person.administrator:
        raise ProblemError(403, "only for administrators")
    return reads.operations()


@operation("GET", "/operations/dead-letters", {200: reads.DeadLetters}, query=DeadLettersQuery, errors=(403,))
def get_dead_letters(person: Person, query: DeadLettersQuery) -> reads.DeadLetters:
    """List undecodable messages, oldest first, with reasons; for administrators only. Changes nothing."""
    if not person.administrator:
        raise ProblemError(403, "only for administrators")
    return reads.dead_letters(query.after)
