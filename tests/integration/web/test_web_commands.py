"""Commands through the site: each has its outcome, each is in the log, and an idempotency key makes it happen once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from rabbitmq.connection import open_connection
from rabbitmq.lengths import newest_offsets
from rabbitmq.publisher import Outgoing, Publisher
from rabbitmq.stream_reader import read
from rabbitmq.topology import COMMANDS_EXCHANGE, command_stream
from schema.codec import decode_log
from schema.commands import PARTITIONS, CommandName, DumpMarker
from tests.integration.web.website import Caller, Website
from webapp import idempotency, ids, people

DONE = ("done", None)

STORY = [
    ("ADD", {"amount": "20000.00"}, DONE),
    ("QUOTE", {"symbol": "abc"}, DONE),
    ("BUY", {"symbol": "ABC", "amount": "5000.00"}, DONE),
    ("COMMIT_BUY", {}, DONE),
    ("BUY", {"symbol": "ABC", "amount": "5000.00"}, DONE),
    ("CANCEL_BUY", {}, DONE),
    ("COMMIT_BUY", {}, ("rejected", "no_pending_buy")),
    ("SELL", {"symbol": "ABC", "amount": "5000.00"}, DONE),
    ("CANCEL_SELL", {}, DONE),
    ("SET_BUY_AMOUNT", {"symbol": "XYZ", "amount": "100.00"}, DONE),
    ("SET_BUY_TRIGGER", {"symbol": "XYZ", "price": "0.01"}, DONE),
    ("CANCEL_SET_BUY", {"symbol": "XYZ"}, DONE),
    ("SET_SELL_AMOUNT", {"symbol": "ABC", "amount": "4999.00"}, DONE),
    ("SET_SELL_TRIGGER", {"symbol": "ABC", "price": "4999.00"}, DONE),
    ("CANCEL_SET_SELL", {"symbol": "ABC"}, DONE),
    ("SELL", {"symbol": "ABC", "amount": "5000.00"}, DONE),
    ("COMMIT_SELL", {}, DONE),
    ("DISPLAY_SUMMARY", {}, DONE),
    ("DUMPLOG", {"filename": "./mine.xml"}, DONE),
    ("ADD", {"amount": "1e3"}, ("rejected", "bad_arguments")),
    ("ADD", {"amount": "-1"}, ("rejected", "amount_not_positive")),
    ("QUOTE", {"symbol": "LONG"}, ("rejected", "bad_arguments")),
    ("DUMPLOG", {"filename": "../out.xml"}, ("rejected", "bad_file_name")),
    ("DUMPLOG", {"filename": "all.xml", "whole": True}, ("rejected", "not_administrator")),
]


@pytest.fixture
def caller(website: Website) -> Caller:
    return website.api(website.person())


def test_each_of_the_sixteen_commands_has_its_outcome(caller: Caller) -> None:
    for command, arguments, (status, reason) in STORY:
        response = caller.give(command, **arguments)
        assert response.status_code == 200, response.text
        answer = response.json
        assert (answer["command"], answer["status"], answer["reason"]) == (command, status, reason), answer
        assert (answer["sentence"] is None) == (reason is None)
        assert caller.get(response.headers["Location"].removeprefix("/api/v1")).json == answer | {"summary": None} or (
            command == "DISPLAY_SUMMARY"
        )
    assert {command for command, *_ in STORY} == set(CommandName)
    account = caller.get("/account").json
    assert account["reserved_cents"] == 0
    explained = caller.get("/account/explain/cash").json
    assert explained["total"] == account["cash_cents"] == sum(step["delta"] for step in explained["steps"])


def test_a_command_without_waiting_is_accepted_and_found_under_its_location(caller: Caller) -> None:
    response = caller.give("ADD", wait=0, amount="1.00")
    assert response.status_code == 202
    location = response.headers["Location"]
    assert location == f"/api/v1/commands/{response.json['command_id']}"
    answer = caller.get(location.removeprefix("/api/v1"), wait=8_000).json
    assert (answer["status"], answer["amount_cents"]) == ("done", 100)


def test_nobody_sees_the_commands_of_others(website: Website, caller: Caller) -> None:
    location = caller.give("ADD", amount="1.00").headers["Location"].removeprefix("/api/v1")
    other = website.api(website.person())
    assert other.get(location).status_code == 404
    assert caller.get("/commands/" + "0" * 32).status_code == 404


def test_a_refused_dump_of_the_whole_log_is_in_the_log(website: Website, wait_for) -> None:
    user = website.person()
    number = website.api(user).give("DUMPLOG", filename="all.xml", whole=True).json["transaction_number"]

    def logged() -> list[tuple[str, str]]:
        return website.rows(
            "SELECT kind::text, user_id FROM audit_events WHERE transaction_number = %s ORDER BY number", number
        )

    wait_for(logged, what="the entries are stored")
    assert logged() == [("userCommand", user), ("errorEvent", user)]


def test_a_user_downloads_their_own_log_and_nobody_elses(website: Website, wait_for) -> None:
    user = website.person()
    caller = website.api(user)
    caller.give("ADD", amount="7.00")
    caller.give("DUMPLOG", filename="mine.xml")
    wait_for(lambda: _written(caller), what="the dump is written")
    (dump,) = caller.get("/dumps").json
    assert dump["filename"] == f"~{user}/mine.xml"
    log = caller.download(f"/dumps/{dump['id']}")
    assert {element.text for element in log.iter("username")} == {user}
    assert website.api(website.person()).get(f"/dumps/{dump['id']}").status_code == 404


def test_files_outside_of_a_users_own_folder_are_not_sent(website: Website) -> None:
    """A user's DUMPLOG in a workload may name such a file. A dump of the whole log may have replaced it since."""
    user = website.person()
    website.system.dump_dir.mkdir(exist_ok=True)
    (website.system.dump_dir / "everybodys.xml").write_text("<log/>")
    with website.connect() as connection:
        insert = """
            INSERT INTO dumps (dump_id, user_id, filename, state, written_at_ms)
            VALUES (%s, %s, 'everybodys.xml', 'written', 1)"""
        connection.execute(insert, (f"of-{user}", user))
    caller = website.api(user)
    assert [dump["filename"] for dump in caller.get("/dumps").json] == ["everybodys.xml"]
    assert caller.get(f"/dumps/of-{user}").status_code == 404


def test_any_file_name_goes_with_any_name_of_a_user(website: Website, wait_for) -> None:
    caller = website.api(website.person(user="u" * 64))
    answer = caller.give("DUMPLOG", filename="f" * 100).json
    assert (answer["status"], answer["reason"]) == DONE
    wait_for(lambda: _written(caller), what="the dump is written")
    caller.download(f"/dumps/{answer['command_id']}")


def test_an_administrator_dumps_the_whole_log(website: Website, wait_for) -> None:
    caller = website.api(website.person(people.ADMINISTRATOR))
    answer = caller.give("DUMPLOG", filename="whole.xml", whole=True).json
    assert answer["status"] == "done"
    wait_for(lambda: _written(caller), what="the dump is written")
    log = caller.download(f"/dumps/{answer['command_id']}")
    assert len({element.text for element in log.iter("username")}) > 1


def test_every_partition_knows_who_asked_for_the_whole_log(website: Website) -> None:
    """Otherwise the dump could hold commands that the administrator gave afterwards."""
    user = website.person(people.ADMINISTRATOR)
    command_id = website.api(user).give("DUMPLOG", filename="known.xml", whole=True).json["command_id"]
    connection = open_connection(website.system.environment["AMQP_URL"], "test")
    streams = [command_stream(n) for n in range(PARTITIONS)]
    for stream, until in newest_offsets(connection, streams).items():
        messages = [decode_log(delivery.body) for delivery in read(connection, stream, until)]
        asked_by = {m.command.command_id.hex(): m.asked_by for m in messages if isinstance(m, DumpMarker)}
        assert asked_by[command_id] == user
    connection.close()


def test_the_whole_log_is_never_written_into_a_users_folder(website: Website) -> None:
    """The folder's owner could download it."""
    caller = website.api(website.person(people.ADMINISTRATOR))
    answer = caller.give("DUMPLOG", filename=f"~{website.person()}/mine.xml", whole=True).json
    assert (answer["status"], answer["reason"]) == ("rejected", "bad_file_name")


def _written(caller: Caller) -> bool:
    dumps = caller.get("/dumps").json
    return bool(dumps) and dumps[0]["written_at_ms"] is not None


def test_the_same_key_and_body_has_one_effect_and_the_same_answer(website: Website) -> None:
    user = website.person()
    caller = website.api(user)
    first, second = (caller.give("ADD", key="monday", amount="3.00") for _ in range(2))
    assert first.json == second.json
    assert len(website.history(user)) == 1
    assert website.api(user, website.another()).give("ADD", key="monday", amount="3.00").json == first.json


def test_the_same_key_with_another_body_is_refused(website: Website) -> None:
    user = website.person()
    caller = website.api(user)
    caller.give("ADD", key="monday", amount="3.00")
    for command, arguments in (("ADD", {"amount": "4.00"}), ("DUMPLOG", {"filename": "3.00"})):
        response = caller.give(command, key="monday", **arguments)
        assert response.status_code == 409
        assert response.mimetype == "application/problem+json"
    assert len(website.history(user)) == 1


def test_keys_of_different_users_have_nothing_to_do_with_each_other(website: Website) -> None:
    users = [website.person(), website.person()]
    for user in users:
        assert website.api(user).give("ADD", key="monday", amount="3.00").json["status"] == "done"
    assert [len(website.history(user)) for user in users] == [1, 1]


@pytest.mark.alone  # a request waits at most 3 s for another one with its key
def test_the_same_key_from_many_threads_and_processes_at_once_has_one_effect(website: Website) -> None:
    user = website.person()
    callers = [website.api(user), website.api(user, website.another())]
    begin = threading.Barrier(16)

    def give(number: int) -> tuple[int, str]:
        begin.wait()
        response = callers[number % 2].give("ADD", key="at-once", amount="3.00")
        assert response.status_code == 200, response.text
        return response.status_code, response.json["command_id"], response.json["seq"]

    with ThreadPoolExecutor(16) as threads:
        answers = set(threads.map(give, range(16)))
    assert len(answers) == 1
    assert answers.pop()[0] == 200
    assert website.history(user) == [("command", "ADD", "done", None, 300)]


def test_a_key_whose_command_was_never_published_is_not_lost(website: Website) -> None:
    """The process died after recording the key and before publishing."""
    user = website.person()
    command_id, digest = ids.of_key(user, "unlucky"), ids.body_digest(CommandName.ADD, ["3.00"])
    (claim,) = idempotency.claim(website.store, user, [idempotency.Binding("unlucky", command_id, digest)])
    caller = website.api(user)
    assert caller.get(f"/commands/{command_id.hex()}").json["status"] == "pending"
    answer = caller.give("ADD", key="unlucky", amount="3.00").json
    assert (answer["status"], answer["transaction_number"]) == ("done", claim.transaction_number)
    assert len(website.history(user)) == 1


def test_commands_of_one_user_take_effect_in_the_order_in_which_they_were_given(website: Website) -> None:
    user = website.person()
    caller = website.api(user)
    for cents in range(1, 41):
        assert caller.give("ADD", wait=0, amount=f"0.{cents:02d}").status_code == 202
    caller.give("DISPLAY_SUMMARY")
    assert [row[-1] for row in website.history(user)] == [*range(1, 41), 0]


def test_a_trigger_order_shows_how_far_its_price_has_to_go(caller: Caller) -> None:
    caller.give("ADD", amount="100.00")
    price = caller.give("QUOTE", symbol="TRG").json["price_cents"]
    caller.give("SET_BUY_AMOUNT", symbol="TRG", amount="100.00")
    assert caller.get("/triggers").json[0]["distance_cents"] is None
    caller.give("SET_BUY_TRIGGER", symbol="TRG", price="1.00")
    (order,) = caller.get("/triggers").json
    assert (order["trigger_cents"], order["price_cents"], order["distance_cents"]) == (100, price, price - 100)
    assert caller.get("/account").json["reserved_cents"] == 10_000


def test_a_watch_list_has_a_limit_and_an_order(caller: Caller) -> None:
    for symbol in ("ZZ", "AA", "ZZ"):
        assert caller.put(f"/watchlist/{symbol.lower()}").status_code == 200
    assert caller.get("/watchlist").json == ["ZZ", "AA"]
    assert caller.delete("/watchlist/ZZ").json == ["AA"]
    full = [caller.put(f"/watchlist/{first}{second}").status_code for first in "ABCDEF" for second in "ABCDEFGHIJ"]
    assert full.count(200) == 50
    assert full[-1] == 409


def test_operations_show_who_owns_what_and_that_nothing_is_behind(website: Website, wait_for) -> None:
    # A fresh site: a site computes what quotes cost at most once a minute.
    caller = website.api(website.person(people.ADMINISTRATOR), website.another())
    website.api(website.person()).give("QUOTE", symbol="OPS")
    wait_for(lambda: sum(part["lag"] for part in caller.get("/operations").json["partitions"]) == 0)
    state = caller.get("/operations").json
    assert all(part["owner"].startswith("transactions-0@") for part in state["partitions"])
    assert sum(part["length"] for part in state["partitions"]) > 0
    assert state["replicas"].keys() == {"transactions", "triggers", "audit", "quotecache"}
    assert state["dead_letters"] == 0
    assert state["quotes"]["fetches"] >= state["quotes"]["floor"] > 0
    assert state["broker_up"] is True


def test_administrators_see_what_could_not_be_read_and_why(website: Website, wait_for) -> None:
    connection = open_connection(website.system.environment["AMQP_URL"], "test")
    publisher = Publisher(connection)
    publisher.publish(Outgoing(COMMANDS_EXCHANGE, command_stream(3), b"no command at all"))
    publisher.flush()
    try:
        caller, browser = website.api(administrator := website.person(people.ADMINISTRATOR)), website.browser()
        wait_for(lambda: caller.get("/operations/dead-letters").json["total"] == 1, what="it was given up")
        (letter,) = caller.get("/operations/dead-letters").json["letters"]
        assert letter["id"].startswith("commands.03/")
        assert (letter["size_bytes"], letter["beginning"]) == (17, "no command at all")
        assert letter["reason"]
        browser.log_in(administrator)
        page = browser.get("/operations/dead-letters").text
        assert letter["id"] in page and letter["beginning"] in page
        assert "You have seen all of them" in browser.get(f"/operations/dead-letters?after={letter['number']}").text
        assert letter["id"] in browser.get(f"/operations/dead-letters?after={10**20}").text
        assert caller.get("/operations/dead-letters", after=letter["number"]).json == {
            "letters": [], "total": 1, "next_after": None
        }  # fmt: skip
        assert caller.get("/operations").json["dead_letters"] == 1
        other = website.person()
        assert website.api(other).get("/operations/dead-letters").status_code == 403
        browser.post("/logout", page="/")
        browser.log_in(other)
        assert browser.get("/operations/dead-letters").status_code == 403
    finally:
        website.rows("DELETE FROM dead_letters RETURNING 1")
        connection.close()
