"""Batches of commands, closing of positions, cancelling of all orders: each command obeys the rules of a single one."""

import pytest

from tests.integration.web.website import Caller, Website

DOLLARS = 100


@pytest.fixture
def user(website: Website) -> str:
    return website.person()


@pytest.fixture
def caller(website: Website, user: str) -> Caller:
    return website.api(user)


def _batch(caller: Caller, *commands: dict, keys: str | None = None, wait: int = 8_000):
    """Sends a batch. `keys`: beginning of the keys of its commands."""
    items = [
        {"command": command} | ({"key": f"{keys}-{number}"} if keys else {}) for number, command in enumerate(commands)
    ]
    return caller.post("/commands/batch", {"commands": items}, wait=wait)


def _add(cents: int) -> dict:
    return {"command": "ADD", "amount": f"{cents / DOLLARS:.2f}"}


def _rich(caller: Caller, *symbols: str) -> None:
    """Gives the caller three shares of each symbol."""
    orders = [
        order
        for symbol in symbols
        for order in ({"command": "BUY", "symbol": symbol, "shares": 3}, {"command": "COMMIT_BUY"})
    ]
    answers = _batch(caller, _add(10_000_000), *orders).json["answers"]
    assert {answer["outcome"]["status"] for answer in answers} == {"done"}


def test_each_command_of_a_batch_has_its_own_outcome_and_a_repeated_batch_no_second_effect(
    website: Website, user: str, caller: Caller
) -> None:
    commands = (
        _add(1_000_000),
        {"command": "BUY", "symbol": "BTA", "shares": 2},
        {"command": "COMMIT_BUY"},
        {"command": "SELL", "symbol": "BTA", "shares": 3},
        {"command": "DISPLAY_SUMMARY"},
    )
    first = _batch(caller, *commands, keys="once")
    assert first.status_code == 200
    outcomes = [answer["outcome"] for answer in first.json["answers"]]
    assert [(one["status"], one["reason"]) for one in outcomes[2:]] == [
        ("done", None),
        ("rejected", "too_few_shares"),
        ("done", None),
    ]
    assert [one["seq"] for one in outcomes] == [1, 2, 3, 4, 5]
    assert [one["transaction_number"] for one in outcomes] == sorted(one["transaction_number"] for one in outcomes)
    assert outcomes[4]["summary"]["account"]["opened"] and outcomes[0]["summary"] is None
    again = [answer["outcome"] for answer in _batch(caller, *commands, keys="once").json["answers"]]
    assert [(one["command_id"], one["seq"]) for one in again] == [(one["command_id"], one["seq"]) for one in outcomes]
    assert caller.give("ADD", amount="10000.00", key="once-0").json["seq"] == 1, "a key means the same everywhere"
    assert len(website.history(user)) == 5


def test_a_key_used_for_another_command_is_refused_in_its_place_only(website: Website, user: str, caller) -> None:
    items = [{"command": _add(cents), "key": key} for cents, key in ((1, "a"), (2, "a"), (1, "a"), (3, "b"))]
    answers = caller.post("/commands/batch", {"commands": items}, wait=8_000).json["answers"]
    assert [answer["status"] for answer in answers] == [200, 409, 200, 200]
    assert "'a'" in answers[1]["problem"]["detail"]
    assert answers[0]["outcome"]["command_id"] == answers[2]["outcome"]["command_id"]
    assert [row[-1] for row in website.history(user)] == [1, 3]


def test_a_batch_keeps_its_order_and_its_place_among_single_commands(website: Website, user: str, caller) -> None:
    for part in range(3):
        answer = _batch(caller, *(_add(100 * part + number) for number in range(1, 100)), wait=0)
        assert (answer.status_code, {one["status"] for one in answer.json["answers"]}) == (202, {202})
        assert caller.give("ADD", wait=0, amount=f"{part + 1}.00").status_code == 202
    caller.give("DISPLAY_SUMMARY")
    assert [row[-1] for row in website.history(user)] == [*range(1, 301), 0]


def test_a_batch_with_a_fault_is_refused_as_a_whole_with_all_its_faults(website: Website, user: str, caller) -> None:
    refused = _batch(caller, _add(1), {"command": "ADD"}, {"command": "STEAL"}, _add(1), keys="bad key ")
    assert refused.status_code == 422
    assert {error["field"] for error in refused.json["errors"]} == {
        *(f"commands[{number}].key" for number in range(4)),
        *("commands[1].command.amount", "commands[2].command.command"),
    }
    for commands in ([], [_add(1)] * 101):
        assert _batch(caller, *commands).status_code == 422
    assert website.history(user) == []


def test_each_command_of_a_batch_counts_as_a_call_and_needs_the_scope_trade(website: Website) -> None:
    user = website.person()
    caller = website.api(user, website.another(WEB_LIMITS="on"))
    left = int(caller.get("/account").headers["X-RateLimit-Remaining"])
    assert _batch(caller, *[_add(1)] * 60).status_code == 200
    assert int(caller.get("/account").headers["X-RateLimit-Remaining"]) == left - 61
    for _ in range((left - 61) // 100):
        assert _batch(caller, *[{"command": "CANCEL_BUY"}] * 100, wait=0).status_code == 202
    refused = _batch(caller, *[_add(1)] * 100)
    assert (refused.status_code, "100 commands" in refused.json["detail"]) == (429, True)
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert caller.give("ADD", amount="1.00").status_code == 200, "the refused batch counts as one call"
    (token,) = website.rows("UPDATE api_tokens SET scope = 'read' WHERE user_id = %s RETURNING token_id", user)
    assert token and _batch(caller, _add(1)).status_code == 403


def test_a_position_is_closed_by_one_call_or_left_to_be_committed(website: Website, user: str, caller: Caller) -> None:
    _rich(caller, "CLA", "CLB", "CLC")
    caller.give("SELL", symbol="CLA", shares=1)
    (closed,) = caller.delete("/positions/cla").json
    assert (closed["symbol"], closed["sell"]["shares"], closed["commit"]["status"]) == ("CLA", 2, "done")
    assert caller.delete("/positions/CLA").status_code == 404
    (pending,) = caller.delete("/positions/CLB?commit=false").json
    assert (pending["sell"]["status"], pending["commit"]) == ("done", None)
    assert [(order["symbol"], order["shares"]) for order in caller.get("/orders").json] == [("CLB", 3), ("CLA", 1)]
    cancelled = caller.delete("/orders")
    assert (cancelled.status_code, [one["status"] for one in cancelled.json]) == (200, ["done", "done"])
    closed = caller.delete("/positions")
    assert closed.status_code == 200
    assert [(one["symbol"], one["sell"]["shares"], one["commit"]["status"]) for one in closed.json] == [
        ("CLA", 1, "done"),
        ("CLB", 3, "done"),
        ("CLC", 3, "done"),
    ]
    assert caller.get("/positions").json == [] and caller.get("/orders").json == []
    assert caller.delete("/positions").json == []


def test_all_trigger_orders_are_cancelled_armed_or_not(caller: Caller) -> None:
    _rich(caller, "CTA")
    set_up = (
        {"command": "SET_BUY_AMOUNT", "symbol": "CTB", "amount": "100.00"},
        {"command": "SET_BUY_TRIGGER", "symbol": "CTB", "price": "0.01"},
        {"command": "SET_SELL_AMOUNT", "symbol": "CTA", "amount": "100.00"},
    )
    _batch(caller, *set_up)
    assert len(caller.get("/triggers").json) == 2
    assert [one["status"] for one in caller.delete("/triggers").json] == ["done", "done"]
    assert caller.get("/triggers").json == []
    assert caller.get("/account").json["reserved_cents"] == 0
