"""Lists of dumps say what has become of each, and offer a file only if the dump has one."""

import pytest

from tests.integration.web.website import Website
from webapp import people


def note(website: Website, user: str, filename: str, **columns: object) -> str:
    """Records a dump with these columns, as the audit worker does; returns its id."""
    dump_id = f"{website.rows('SELECT count(*) FROM dumps')[0][0]:032x}"
    values = {"dump_id": dump_id, "user_id": user, "filename": filename} | columns
    with website.connect() as connection:
        places = ", ".join(["%s"] * len(values))
        connection.execute(f"INSERT INTO dumps ({', '.join(values)}) VALUES ({places})", tuple(values.values()))
    return dump_id


def put(website: Website, filename: str) -> None:
    """Puts a file into the dump folder."""
    path = website.system.dump_dir / filename
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("<log/>")


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        ({"state": "waiting"}, "Being written"),
        ({"state": "waiting", "failure": "the disk is full"}, "The disk is full. We will keep trying."),
        (
            {"state": "failed", "failure": "its folder has the name of the file of the dump a"},
            "Its folder has the name of the file of the dump",
        ),
        ({"state": "replaced", "written_at_ms": 1}, "A later file has this name."),
    ],
)
def test_a_dump_without_a_file_of_its_own_is_not_offered_for_download(website: Website, columns, shown) -> None:
    user = website.person()
    filename = f"~{user}/log.xml"
    put(website, filename)  # the file of a later dump
    dump_id = note(website, user, filename, **columns)
    caller = website.api(user)
    (listed,) = caller.get("/dumps").json
    assert (listed["state"], listed["failure"]) == (columns["state"], columns.get("failure"))
    assert not listed["downloadable"]
    assert caller.get(f"/dumps/{dump_id}").status_code == 404
    browser = website.browser()
    browser.log_in(user)
    page = browser.get("/log").text
    assert shown in page
    assert "Download" not in page
    assert browser.get(f"/log/{dump_id}").status_code == 404


def test_a_file_is_offered_as_long_as_it_exists(website: Website) -> None:
    user = website.person()
    filename = f"~{user}/log.xml"
    put(website, filename)
    dump_id = note(website, user, filename, state="written", written_at_ms=1)
    caller, browser = website.api(user), website.browser()
    browser.log_in(user)
    assert caller.get("/dumps").json[0]["downloadable"]
    assert caller.download(f"/dumps/{dump_id}").tag == "log"
    assert f"/log/{dump_id}" in browser.get("/log").text

    (website.system.dump_dir / filename).unlink()
    assert not caller.get("/dumps").json[0]["downloadable"]
    assert caller.get(f"/dumps/{dump_id}").status_code == 404
    assert "Removed" in browser.get("/log").text


def test_a_removed_file_has_its_reason(website: Website) -> None:
    user = website.person()
    reason = "newer files reached the limit of 20 files (DUMP_FILES_EACH)"
    note(website, user, f"~{user}/log.xml", state="written", written_at_ms=1, failure=reason)
    (listed,) = website.api(user).get("/dumps").json
    assert (listed["state"], listed["failure"], listed["downloadable"]) == ("written", reason, False)
    browser = website.browser()
    browser.log_in(user)
    assert "Newer files reached the limit of 20 files (DUMP_FILES_EACH)." in browser.get("/log").text


def test_a_file_that_a_workload_requested_is_listed_and_not_offered(website: Website) -> None:
    user = website.person()
    put(website, "testLOG")
    note(website, user, "testLOG", state="written", written_at_ms=1)
    (listed,) = website.api(user).get("/dumps").json
    assert (listed["state"], listed["own"], listed["downloadable"]) == ("written", False, False)
    browser = website.browser()
    browser.log_in(user)
    page = browser.get("/log").text
    assert "It was not requested on this site" in page
    assert "Download" not in page


def test_the_list_works_if_the_dump_folder_cannot_be_read(website: Website) -> None:
    user = website.person()
    dump_id = note(website, user, f"~{user}/log.xml", state="written", written_at_ms=1)
    caller = website.api(user, website.another(DUMP_DIR="/" + "d" * 300))
    assert [dump["downloadable"] for dump in caller.get("/dumps").json] == [False]
    assert caller.get(f"/dumps/{dump_id}").status_code == 404


def test_a_link_out_of_the_dump_folder_is_not_sent(website: Website, tmp_path) -> None:
    user = website.person()
    (tmp_path / "log.xml").write_text("a secret")
    website.system.dump_dir.mkdir(exist_ok=True)
    (website.system.dump_dir / f"~{user}").symlink_to(tmp_path)
    dump_id = note(website, user, f"~{user}/log.xml", state="written", written_at_ms=1)
    assert website.api(user).get(f"/dumps/{dump_id}").status_code == 404


def test_a_dump_whose_name_is_a_folder_of_an_earlier_one_fails_and_says_so(website: Website, wait_for) -> None:
    caller = website.api(website.person())
    for filename in ("week/monday.xml", "week"):
        assert caller.give("DUMPLOG", filename=filename).json["status"] == "done"

    def states() -> list[str]:
        return [dump["state"] for dump in caller.get("/dumps").json]

    wait_for(lambda: len(states()) == 2 and "waiting" not in states(), what="both have ended")
    later, earlier = caller.get("/dumps").json
    assert (earlier["state"], earlier["downloadable"]) == ("written", True)
    assert (later["state"], later["downloadable"]) == ("failed", False)
    assert later["failure"] == "this name is a folder of the dump week/monday.xml"


def test_administrators_see_how_many_dumps_have_no_file(website: Website) -> None:
    def troubles() -> tuple[int, int]:
        counts = website.api(administrator).get("/operations").json["dumps"]
        return counts["failed"], counts["delayed"]

    administrator, user = website.person(people.ADMINISTRATOR), website.person()
    failed, delayed = troubles()
    note(website, user, "a", state="failed", failure="its folder has the name of the file of the dump a")
    note(website, user, "b", failure="the disk is full")
    note(website, user, "c")
    assert troubles() == (failed + 1, delayed + 1)
