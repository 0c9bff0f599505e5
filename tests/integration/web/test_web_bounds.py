"""Numbers, times and texts in addresses and in old rows, however large or odd, never cause an error 500."""

from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import forging
from tests.integration.web.website import Browser, Website
from webapp import people

EXAMPLES = 80

ADDRESSES = (
    *("/history?page={}", "/fragments/history?page={}", "/history?from={}&to={}", "/history.csv?from={}&to={}"),
    *("/history?kind={}&symbol={}", "/history/{}", "/news?after={}", "/explain/{}", "/explain/shares:{}", "/log/{}"),
    *("/commands/{}", "/fragments/{}", "/symbols/{}", "/symbols/{}/chart", "/symbols/ABC?symbol={}&range={}"),
    *("/symbols?symbol={}", "/fragments/trades?symbol={}", "/trade?side=buy&symbol=ABC&amount={}&price={}"),
    *("/triggers?side={}&symbol={}", "/login?next={}", "/static/{}/{}", "/{}", "/{}/{}"),
    *("/api/v1/history?page={}", "/api/v1/history?from_ms={}&to_ms={}", "/api/v1/history?size={}"),
    *("/api/v1/account/at/{}", "/api/v1/account/explain/{}", "/api/v1/commands/{}?wait={}", "/api/v1/dumps/{}"),
    *("/api/v1/quotes/{}", "/api/v1/prices/ABC?from_ms={}", "/api/v1/history?kind={}&symbol={}"),
)
"""Every address of the site with a parameter."""

NUMBERS = st.sampled_from((0, 2**31, 2**53, 2**63 - 1, 2**63, 2**64, 10**20, 10**40, 10**3000)) | st.integers()
TEXTS = (
    NUMBERS.map(lambda number: str(number)[:3000])
    | NUMBERS.map(lambda number: str(-abs(number))[:3000])
    | st.sampled_from(("٣", "１２", "1_000", "1e400", "NaN", "null", "\0", "1\0", "ABC\n", "ı", "ſym", "cash\n"))
    | st.sampled_from(("0001-01-01T00:00", "9999-12-31T23:59", "//[", "..", "00" * 16, "ab" * 16 + "\n", "A" * 3000))
    | st.text(st.characters(codec=None), max_size=8)
)


@pytest.fixture(scope="module")
def reader(website: Website) -> Browser:
    """Browser of an administrator, who may see every page, with a row in the history."""
    user = website.person(people.ADMINISTRATOR)
    assert website.api(user).give("ADD", amount="1000.00").json["status"] == "done"
    browser = website.browser()
    browser.log_in(user)
    return browser


def test_no_address_causes_an_error_500(reader: Browser) -> None:
    @settings(max_examples=EXAMPLES, derandomize=True, database=None)
    @given(address=st.sampled_from(ADDRESSES), odd=st.tuples(TEXTS, TEXTS))
    def ask(address: str, odd: tuple[str, str]) -> None:
        with reader.get(address.format(*(quote(text.encode("utf-8", "surrogatepass"), safe="") for text in odd))) as it:
            assert it.status_code < 500

    ask()


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/history?page=99999999999999999999", 200),
        ("/fragments/history?page=-9223372036854775809", 200),
        ("/history?from=0001-01-01T00:00&to=9999-12-31T23:59", 200),
        ("/history/99999999999999999999", 404),
        ("/history/%D9%A1", 404),
        ("/symbols/ABC?symbol=99", 200),
        ("/news?after=99999999999999999999", 200),
        ("/explain/shares:%00", 404),
        ("/api/v1/quotes/ABC%0A", 404),
        ("/api/v1/history?symbol=ABC%0A", 422),
        ("/api/v1/history?to_ms=253402300800000", 422),
        ("/api/v1/account/at/9007199254740993", 404),
    ],
)
def test_a_number_out_of_bounds_is_treated_as_missing(reader: Browser, address: str, status: int) -> None:
    assert reader.get(address).status_code == status


def test_a_page_beyond_the_last_one_is_the_last_one(reader: Browser) -> None:
    assert "Page 1 of 1" in reader.get("/history?page=1000").text


def test_a_symbol_with_a_line_end_is_not_watched(website: Website) -> None:
    caller = website.api(website.person())
    assert caller.put("/watchlist/ABC%0A").status_code == 404
    assert caller.get("/watchlist").json == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Referer": "http://["}, 200), ({"Host": "9" * 2000}, 400)],
    ids=["referer", "host"],
)
def test_a_header_that_is_no_address_causes_no_error_500(reader: Browser, headers: dict, status: int) -> None:
    assert reader.client.get("/fragments/orders", headers=headers).status_code == status


def test_a_form_with_an_invalid_target_leads_to_the_front_page(reader: Browser) -> None:
    answer = reader.post("/watch", page="/", symbol="abc", next="//[")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


def test_a_row_of_a_time_that_is_no_date_is_shown_without_it(website: Website) -> None:
    published_at_ms = 2**63 - 1
    user = website.person()
    caller = website.api(user)
    assert caller.give("ADD", amount="1.00").json["status"] == "done"
    with website.connect() as connection:
        forging.allow(connection)
        connection.execute("UPDATE history SET published_at_ms = %s WHERE user_id = %s", (published_at_ms, user))
    browser = website.browser()
    browser.log_in(user)
    page = browser.get("/history/1")
    assert page.status_code == 200
    assert "invalid date" in page.text
    assert browser.get("/history").status_code == 200
    assert caller.get("/history").json["rows"][0]["published_at_ms"] == published_at_ms
    assert str(published_at_ms) in caller.get("/history.csv").text
