"""The API keeps what its OpenAPI document promises, whatever requests schemathesis sends to the real application."""

import re

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from schemathesis import GenerationMode

from tests.fuzz.runs import runs
from tests.integration.web.website import Website
from webapp.api.operation import OPERATIONS

EXAMPLES_PER_OPERATION = runs(20, 2 * len(OPERATIONS))
EXAMPLES_WITH_PASSWORD = 5
"""Few, because each request computes an argon2 hash."""

PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def api_document(website: Website):
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", website.app)


@pytest.fixture(scope="module")
def authorizations(website: Website) -> dict[str, str]:
    """Tokens by operation: the one that revokes tokens may revoke its own, which must not stop the other operations."""
    person, revoker = (website.api(website.person()) for _ in range(2))
    person.give("ADD", amount="1000000.00")
    return {"revoke_token": revoker.authorization, "": person.authorization}


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["as-described", "otherwise"])
@pytest.mark.parametrize("name", [operation.name for operation in OPERATIONS])
def test_whatever_is_sent_the_answer_is_as_documented(api_document, authorizations, name: str, mode) -> None:
    if mode is GenerationMode.NEGATIVE and not _has_parts(name):
        return  # an operation without any input accepts no invalid input
    authorization = authorizations.get(name, authorizations[""])
    operation = api_document.find_operation_by_id(name)

    @settings(
        max_examples=EXAMPLES_WITH_PASSWORD if name == "create_token" else EXAMPLES_PER_OPERATION,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case) -> None:
        # A parameter with an empty list or object is not sent at all, so what is sent may be valid.
        assume(not any(value in ([], {}) for value in (case.query or {}).values()))
        case.call_and_validate(headers={"Authorization": authorization})

    send()


def _has_parts(name: str) -> bool:
    (operation,) = (operation for operation in OPERATIONS if operation.name == name)
    return bool(operation.body or operation.query or operation.headers or operation.path_parameters)


def test_the_document_is_served_to_everybody_and_names_every_call(website: Website) -> None:
    response = website.app.test_client().get("/api/v1/openapi.json")
    assert response.status_code == 200
    document = response.json
    assert document["openapi"].startswith("3.1")
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert described == {(operation.method, f"/api/v1{operation.path}") for operation in OPERATIONS}
    served = {rule.rule for rule in website.app.url_map.iter_rules() if rule.rule.startswith("/api/")}
    beside = {"/api/v1/openapi.json", "/api/v1/docs"}
    assert len(served - beside) == len(document["paths"]), "an address that the document does not know"
    page = website.app.test_client().get("/api/v1/docs")
    assert (page.status_code, "script-src 'self'" in page.headers["Content-Security-Policy"]) == (200, True)
    assert not re.search(r"<script|<style|style=|onclick", page.text)
    anchors, links = (set(re.findall(pattern, page.text)) for pattern in (r'id="([^"]+)"', r'href="#([^"]+)"'))
    assert {operation.name for operation in OPERATIONS} <= anchors
    assert {f"schema-{name}" for name in document["components"]["schemas"]} <= anchors
    assert links <= anchors, "a link that leads nowhere"


@pytest.mark.parametrize(
    ("method", "path", "sent", "status"),
    [
        ("GET", "/nowhere", {}, 404),
        ("GET", "/account/at/x", {}, 404),
        ("PATCH", "/account", {}, 405),
        ("POST", "/commands", {"data": "{", "content_type": "application/json"}, 400),
        (
            "POST",
            "/commands",
            {"data": b'{"command": "ADD", "amount": "\xff"}', "content_type": "application/json"},
            400,
        ),
        ("POST", "/commands", {"data": "x" * 70_000, "content_type": "application/json"}, 413),
        ("POST", "/commands", {"data": "command=ADD"}, 415),
        ("POST", "/commands", {"json": {"command": "ADD"}}, 422),
        ("POST", "/commands", {"json": {"command": "STEAL", "amount": "1"}}, 422),
        ("POST", "/commands", {"json": {"command": "ADD", "amount": "1", "user": "somebody"}}, 422),
        ("POST", "/commands", {"json": {"command": "ADD", "amount": 1}}, 422),
        ("POST", "/commands?wait=soon", {"json": {"command": "COMMIT_BUY"}}, 422),
        ("POST", "/commands", {"json": {"command": "COMMIT_BUY"}, "headers": {"Idempotency-Key": "ä"}}, 422),
        ("GET", "/operations", {}, 403),
        ("GET", "/history?size=0", {}, 422),
        ("GET", "/history?size=5&size=6", {}, 422),
        ("GET", "/history?kind=STEAL", {}, 422),
        ("POST", "/commands", {"json": {"command": "ADD", "amount": "9" * 20}}, 422),
        ("GET", "/history.csv?from_ms=null", {}, 422),
    ],
)
def test_every_error_is_a_problem(website: Website, method: str, path: str, sent: dict, status: int) -> None:
    user = website.person()
    headers = {"Authorization": website.api(user).authorization} | sent.get("headers", {})
    client = website.app.test_client(use_cookies=False)
    response = client.open(f"/api/v1{path}", method=method, **(sent | {"headers": headers}))
    assert (response.status_code, response.mimetype) == (status, PROBLEM), response.text
    assert response.json["status"] == status
    assert response.json["title"]
    assert bool(response.json.get("errors")) == (status == 422)
    assert (response.headers.get("Allow") is not None) == (status == 405)
    assert website.history(user) == []


def test_calls_without_a_token_are_refused(website: Website) -> None:
    client = website.app.test_client()
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic eDp5"}):
        response = client.get("/api/v1/account", headers=headers)
        assert (response.status_code, response.mimetype) == (401, PROBLEM)
        assert response.headers["WWW-Authenticate"] == "Bearer"


def test_too_many_calls_are_told_when_to_come_back(website: Website) -> None:
    app = website.another(WEB_LIMITS="on")
    client = app.test_client()
    body = {"user": "nobody", "password": "wrong wrong", "name": "x"}
    answers = [client.post("/api/v1/tokens", json=body) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [403] * 10 + [429]
    assert answers[-1].mimetype == PROBLEM
    assert int(answers[-1].headers["Retry-After"]) > 0
