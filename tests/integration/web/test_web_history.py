"""History through the site: filtered, exported, explained, and the account after any of its rows."""

from datetime import UTC, datetime

import pytest

from tests.integration.web.website import Caller, Website


@pytest.fixture
def caller(website: Website) -> Caller:
    return website.api(website.person())


def test_an_account_as_any_row_left_it(caller: Caller) -> None:
    caller.give("ADD", amount="9000.00")
    bought = caller.give("BUY", symbol="ABC", amount="5000.00").json
    caller.give("COMMIT_BUY")
    now = caller.get("/account").json
    assert caller.get("/account/at/0").json["cash_cents"] == 0
    assert caller.get("/account/at/1").json["cash_cents"] == 900_000
    reserved = bought["shares"] * bought["price_cents"]
    assert caller.get("/account/at/2").json["reserved_cents"] == reserved
    assert caller.get("/account/at/3").json["positions"] == [
        {"symbol": "ABC", "shares": bought["shares"], "reserved_shares": 0}
    ]
    assert caller.get("/account/at/3").json["cash_cents"] == now["cash_cents"]
    assert caller.get("/account/at/4").status_code == 404
    (position,) = caller.get("/positions").json
    assert position["cost_cents"] == reserved
    assert position["profit_cents"] == position["worth_cents"] - reserved


def test_realised_profit_is_of_all_sales_also_of_symbols_sold_to_the_last_share(caller: Caller) -> None:
    caller.give("ADD", amount="100000.00")
    first, second = (_bought(caller, "RPA", "9000.00"), _bought(caller, "RPB", "9000.00"))
    # Each sale uses the quote of its purchase, which is good for a minute, so it gains nothing.
    _sold(caller, "RPA", first["shares"] * first["price_cents"])
    assert [position["symbol"] for position in caller.get("/positions").json] == ["RPB"]
    profit = caller.get("/profit").json
    cost = second["shares"] * second["price_cents"]
    assert profit == {
        "realised_cents": 0,
        "symbols": [
            {"symbol": "RPA", "cost_cents": 0, "realised_cents": 0},
            {"symbol": "RPB", "cost_cents": cost, "realised_cents": 0},
        ],
    }
    assert caller.get("/account/explain/cost:RPA").json["total"] == 0
    explained = caller.get("/account/explain/cost:RPB").json
    assert (explained["total"], [step["delta"] for step in explained["steps"]]) == (cost, [cost])
    for figure in ("cost", "shares", "cash:RPA", "nothing", "realised:LONG"):
        assert caller.get(f"/account/explain/{figure}").status_code == 404


def _bought(caller: Caller, symbol: str, amount: str) -> dict:
    order = caller.give("BUY", symbol=symbol, amount=amount).json
    assert caller.give("COMMIT_BUY").json["status"] == "done", order
    return order


def _sold(caller: Caller, symbol: str, cents: int) -> None:
    order = caller.give("SELL", symbol=symbol, amount=f"{cents / 100:.2f}").json
    assert caller.give("COMMIT_SELL").json["status"] == "done", order


def test_orders_of_an_account_as_any_row_left_it(caller: Caller) -> None:
    """At each row the pending and trigger orders are those that the API showed at that time."""
    story = [
        ("ADD", {"amount": "90000.00"}),
        ("BUY", {"symbol": "AAT", "amount": "9000.00"}),
        ("BUY", {"symbol": "AAT", "amount": "5000.00"}),
        ("COMMIT_BUY", {}),
        ("SET_BUY_AMOUNT", {"symbol": "AAT", "amount": "100.00"}),
        ("SET_BUY_TRIGGER", {"symbol": "AAT", "price": "0.01"}),
        ("SELL", {"symbol": "AAT", "amount": "5000.00"}),
        ("CANCEL_BUY", {}),
        ("SET_SELL_AMOUNT", {"symbol": "AAT", "amount": "9000.00"}),
        ("CANCEL_SET_BUY", {"symbol": "AAT"}),
        ("COMMIT_SELL", {}),
    ]
    live = []
    for command, arguments in story:
        caller.give(command, **arguments)
        live.append((caller.get("/orders").json, caller.get("/triggers").json))
    assert max(len(orders) for orders, _ in live) == 2
    for seq, (orders, triggers) in enumerate(live, start=1):
        then = caller.get(f"/account/at/{seq}").json
        assert then["pending_orders"] == orders
        # The price at that time is not part of the account.
        assert then["trigger_orders"] == [{name: order[name] for name in _TERMS} for order in triggers]
    assert caller.get("/account/at/0").json["pending_orders"] == []


def test_pages_with_a_cursor_hold_the_past_once_and_add_up_to_the_present(website: Website) -> None:
    caller = website.api(website.person())
    story = [
        ("ADD", {"amount": "20000.00"}),
        ("BUY", {"symbol": "PSA", "shares": 2}),
        ("COMMIT_BUY", {}),
        ("QUOTE", {"symbol": "PSA"}),
    ]
    for command, arguments in story:
        assert caller.give(command, **arguments).json["status"] == "done"
    now = caller.get("/account").json

    points = _pages(caller, "/account/history", "points", "next_after", "after", size=3)
    assert [point["seq"] for point in points] == [1, 2, 3, 4]
    assert (points[-1]["cash_cents"], points[1]["reserved_cents"]) == (
        now["cash_cents"],
        2_000_000 - points[1]["cash_cents"],
    )

    rows = _pages(caller, "/history", "rows", "next_before", "before", size=3)
    assert [row["seq"] for row in rows] == [4, 3, 2, 1]

    for _ in range(2):
        website.rows(
            "INSERT INTO quote_fetches (symbol, user_id, transaction_number, for_trigger, asked_at_ms, answered_at_ms,"
            " price_cents) VALUES ('PSB', 'x', 1, false, 5, 6, 700) RETURNING 1"
        )
    prices = _pages(caller, "/prices/PSB/history", "points", "next_after", "after", size=1)
    assert len({price["quote_id"] for price in prices}) == 2, "one moment may have two prices"

    (bought,) = caller.get("/positions").json
    beginning = points[0]["at_ms"]
    worth = _pages(
        caller, "/portfolio/history", "points", "next_from_ms", "from_ms",
        size=2, step_ms=60_000, from_ms=beginning - 60_000, to_ms=beginning + 150_000,
    )  # fmt: skip
    assert [point["at_ms"] - beginning for point in worth] == [-60_000, 0, 60_000, 120_000]
    assert [point["worth_cents"] for point in worth[:2]] == [0, 2_000_000]
    assert worth[-1]["shares_worth_cents"] == bought["worth_cents"]
    assert worth[-1]["worth_cents"] == now["cash_cents"] + bought["worth_cents"]


def _pages(caller, path: str, items: str, cursor: str, parameter: str, **query: int) -> list[dict]:
    """Returns the items of all pages."""
    found: list[dict] = []
    while True:
        page = caller.get(path, **query).json
        assert 0 < len(page[items]) <= query["size"]
        found += page[items]
        if page[cursor] is None:
            return found
        query[parameter] = page[cursor]


_TERMS = [
    *("symbol", "side", "amount_cents", "trigger_cents"),
    *("reserved_cents", "reserved_shares", "transaction_number"),
]


@pytest.mark.parametrize("address", ["/api/v1/history.json", "/history.json"])
def test_an_export_holds_the_whole_history(website: Website, address: str) -> None:
    user = website.person()
    caller = website.api(user)
    for cents in (100, 200, 300):
        caller.give("ADD", amount=f"{cents / 100:.2f}")
    browser = website.browser()
    browser.log_in(user)
    rows = browser.get(address).json
    assert [row["cash_delta_cents"] for row in rows] == [100, 200, 300]
    lines = browser.get(address.replace(".json", ".csv")).text.splitlines()
    assert lines[0].split(",") == list(rows[0])
    assert [line.split(",")[0] for line in lines[1:]] == ["1", "2", "3"]


def test_an_export_holds_what_the_filter_shows_of_all_pages(website: Website) -> None:
    user = website.person()
    caller = website.api(user)
    for number in range(3):
        caller.give("ADD", amount=f"{number + 1}.00")
        caller.give("QUOTE", symbol="EXP")
    browser = website.browser()
    browser.log_in(user)
    everything = browser.get("/history.json").json
    # Pages filter by whole minutes, the API by milliseconds.
    moment = everything[0]["at_ms"]
    minute = f"{datetime.fromtimestamp(moment / 1000, UTC):%Y-%m-%dT%H:%M}"
    filters = [
        ({"kind": "ADD"}, {"kind": "ADD"}, [1, 3, 5]),
        ({"symbol": "exp"}, {"symbol": "exp"}, [2, 4, 6]),
        ({"kind": "fill"}, {"kind": "fill"}, []),
        ({"to": "2020-01-01T00:00"}, {"to_ms": moment - 86_400_000}, []),
        ({"from": minute, "kind": "QUOTE"}, {"from_ms": moment, "kind": "QUOTE"}, [2, 4, 6]),
    ]
    for of_page, of_api, seqs in filters:
        for address, query in (("/history", of_page), ("/api/v1/history", of_api)):
            exported = browser.client.get(f"{address}.json", query_string=query).json
            assert [row["seq"] for row in exported] == seqs, (address, query)
            lines = browser.client.get(f"{address}.csv", query_string=query).text.splitlines()
            assert [int(line.split(",")[0]) for line in lines[1:]] == seqs
        shown = caller.get("/history", size=2, **of_api).json
        assert shown["total"] == len(seqs)


def test_a_person_has_one_export_at_a_time(website: Website) -> None:
    caller, other = website.api(website.person()), website.api(website.person())
    running = caller.get("/history.csv")
    refused = caller.get("/history.json")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "5")
    with other.get("/history.csv") as response:
        assert response.status_code == 200
    running.close()
    with caller.get("/history.json") as response:
        assert response.status_code == 200


def test_history_is_chosen_by_kind_symbol_and_time_and_comes_in_pages(caller: Caller) -> None:
    for number in range(7):
        caller.give("ADD", amount=f"{number + 1}.00")
    caller.give("QUOTE", symbol="HIS")
    page = caller.get("/history", size=3, page=2).json
    assert ([row["seq"] for row in page["rows"]], page["total"]) == ([5, 4, 3], 8)
    assert [row["seq"] for row in caller.get("/history", kind="QUOTE").json["rows"]] == [8]
    assert [row["seq"] for row in caller.get("/history", symbol="his").json["rows"]] == [8]
    at_ms = page["rows"][0]["at_ms"]
    assert all(row["at_ms"] >= at_ms for row in caller.get("/history", from_ms=at_ms).json["rows"])
    assert caller.get("/history", kind="fill").json["total"] == 0
