"""Audit entries that cannot be stored are an alarm on /healthz, in the API and on the operations page."""

from tests.integration.web.website import Website
from webapp import people


def test_a_source_of_the_log_that_has_stopped_is_an_alarm_and_the_site_goes_on(website: Website, wait_for) -> None:
    administrator, client = website.person(people.ADMINISTRATOR), website.app.test_client()
    wait_for(lambda: client.get("/healthz").json == {"broker": True, "database": True, "log": True})
    assert website.api(administrator).get("/operations").json["log_stops"] == []
    website.rows("INSERT INTO audit_stops VALUES (3, 1700, 5, 'Postgres refuses it: <odd>', 1) RETURNING 1")
    try:
        wait_for(lambda: client.get("/healthz").json == {"broker": True, "database": True, "log": False})
        assert client.get("/healthz").status_code == 200
        (stop,) = website.api(administrator).get("/operations").json["log_stops"]
        assert stop == {
            "source": "transactions.03", "entry": 1700, "reason": "Postgres refuses it: <odd>", "stopped_at_ms": 1
        }  # fmt: skip
        browser = website.browser()
        browser.log_in(administrator)
        page = browser.get("/operations").text
        assert "The log of record has stopped for transactions.03." in page
        assert "Postgres refuses it: &lt;odd&gt;" in page
    finally:
        website.rows("DELETE FROM audit_stops RETURNING 1")
