"""Examples of requests and answers for the OpenAPI document. A test reads each as the type that it is an example of."""

REQUESTS: dict[str, dict[str, object]] = {
    "create_token": {
        "token": {"user": "ann", "password": "correct horse battery", "name": "moving averages", "scope": "trade"},
    },
    "give_command": {
        "add": {"command": "ADD", "amount": "1000.00"},
        "quote": {"command": "QUOTE", "symbol": "ABC"},
        "buyForAmount": {"command": "BUY", "symbol": "ABC", "amount": "250.00"},
        "buyShares": {"command": "BUY", "symbol": "ABC", "shares": 5},
        "commitNewest": {"command": "COMMIT_BUY"},
        "commitNamedOrder": {"command": "COMMIT_BUY", "order": 17},
        "reserveForTrigger": {"command": "SET_BUY_AMOUNT", "symbol": "ABC", "amount": "500.00"},
        "armTrigger": {"command": "SET_BUY_TRIGGER", "symbol": "ABC", "price": "12.34"},
    },
}
"""Bodies by call and name."""

_COMMAND: dict[str, object] = {
    "command_id": "7f3c9a0de1b24c5f8a6b7c8d9e0f1a2b",
    "transaction_number": 4711,
    "command": "BUY",
}

ANSWERS: dict[tuple[str, int], object] = {
    ("give_command", 200): _COMMAND
    | {
        "status": "done",
        "symbol": "ABC",
        "amount_cents": 24680,
        "price_cents": 1234,
        "shares": 20,
        "seq": 17,
        "at_ms": 1_767_225_600_000,
    },
    ("give_command", 202): _COMMAND | {"status": "pending"},
}
"""Answers by call and status."""
