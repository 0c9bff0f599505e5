"""The stream of events for programs with a token: it brings everything that happens, and resumes where it ended."""

from urllib.parse import urlsplit

from tests.integration.web.test_web_live import LiveProcess, TokenStream, live
from tests.integration.web.website import Website

__all__ = ["live"]


def test_a_program_hears_outcomes_fills_and_prices_and_resumes_after_the_last_event(
    website: Website, live: LiveProcess
) -> None:
    caller, stranger = website.api(website.person()), website.api(website.person())
    caller.give("ADD", amount="9000.00")
    with TokenStream(live, caller, "symbols=SPA") as stream:
        assert stream.hear("account") == {"seq": 1}, "it begins now"
        price = stranger.give("QUOTE", symbol="SPA").json["price_cents"]
        assert stream.hear("price", symbol="SPA")["price_cents"] == price
        caller.give("COMMIT_BUY")
        row = stream.hear("outcome")
        assert (row["seq"], row["command"], row["reason"]) == (2, "COMMIT_BUY", "no_pending_buy")
        assert stream.last_event_id == "2"
    caller.give("SET_BUY_AMOUNT", symbol="SPA", amount="5000.00")
    caller.give("SET_BUY_TRIGGER", symbol="SPA", price="4999.00")
    for path in ("/api/v1/stream", "/live"):
        with TokenStream(live, caller, "after=2", path) as stream:
            assert [stream.hear("outcome")["seq"] for _ in range(2)] == [3, 4]
            fill = stream.hear("fill")
            assert (fill["seq"], fill["symbol"], fill["kind"]) == (5, "SPA", "fill")
            assert fill["shares_delta"] > 0
            assert stream.last_event_id == "5"


def test_the_site_leads_programs_to_the_stream_and_strangers_nowhere(website: Website, live: LiveProcess) -> None:
    app = website.another(LIVE_PORT=str(live.port))
    led = website.api(website.person(), app).get("/stream", after=0, symbols="SPB,SPC")
    address = urlsplit(led.headers["Location"])
    assert (led.status_code, address.port, address.path) == (307, live.port, "/api/v1/stream")
    assert address.query == "symbols=SPB%2CSPC&after=0"
    document = app.test_client().get("/api/v1/openapi.json").json
    assert document["paths"]["/api/v1/stream"]["get"]["servers"][0]["url"].endswith(f":{live.port}")
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Bearer"}):
        status, answered = live.status("/api/v1/stream", **headers)
        assert (status, answered["www-authenticate"]) == (401, "Bearer")
    caller = website.api(website.person())
    assert live.status("/api/v1/stream?after=x", Authorization=caller.authorization)[0] == 422
    website.rows(
        "UPDATE api_tokens SET scope = 'read' WHERE user_id = %s RETURNING token_id",
        caller.get("/account").json["user"],
    )
    with TokenStream(live, caller) as stream:
        assert stream.hear("account") == {"seq": 0}
