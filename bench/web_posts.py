"""Simulated people for `bench.web` who give commands through the API at a steady rate and wait for each outcome."""

import http.client
import itertools
import json
import threading
import time

SYMBOLS = ("ABC", "GEM", "OIL", "S", "XYZ")

COMMANDS = (
    {"command": "ADD", "amount": "10000.00"},
    {"command": "QUOTE"},
    {"command": "BUY", "amount": "5000.00"},
    {"command": "COMMIT_BUY"},
    {"command": "SET_BUY_AMOUNT", "amount": "10.00"},
    {"command": "SET_BUY_TRIGGER", "price": "0.01"},
    {"command": "CANCEL_SET_BUY"},
    {"command": "BUY", "amount": "4999.00"},
    {"command": "CANCEL_BUY"},
)
"""Commands of a person, repeated in this order. When a quote expires, the quote cache buys a new one meanwhile."""

WITH_SYMBOL = frozenset({"QUOTE", "BUY", "SET_BUY_AMOUNT", "SET_BUY_TRIGGER", "CANCEL_SET_BUY"})


def is_well(port: int) -> bool:
    """Whether /healthz at this port answers 200."""
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
        connection.close()
    except OSError:
        return False
    return status == 200


def post(port: int, texts: list[str], rate: int, seconds: float) -> list[float]:
    """Returns the seconds from the due time of each POST to its outcome, waiting for an earlier POST included."""
    latencies: list[list[float]] = [[] for _ in texts]
    begin, interval = time.monotonic() + 0.1, len(texts) / rate
    threads = [
        threading.Thread(
            target=_person,
            args=(port, text, number, begin + number / rate, begin + seconds, interval, latencies[number]),
        )
        for number, text in enumerate(texts)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return list(itertools.chain(*latencies))


def _person(port: int, text: str, number: int, due: float, end: float, interval: float, latencies: list[float]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
    headers = {"Authorization": f"Bearer {text}", "Content-Type": "application/json"}
    for turn in itertools.count(number):
        if due > end:
            break
        time.sleep(max(0.0, due - time.monotonic()))
        connection.request("POST", "/api/v1/commands?wait=10000", _body(turn), headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
        latencies.append(time.monotonic() - due)
        assert answer.get("status") in ("done", "rejected"), answer
        due += interval
    connection.close()


def _body(turn: int) -> bytes:
    body = dict(COMMANDS[turn % len(COMMANDS)])
    if body["command"] in WITH_SYMBOL:
        body["symbol"] = SYMBOLS[turn // len(COMMANDS) % len(SYMBOLS)]
    return json.dumps(body).encode()
