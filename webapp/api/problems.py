"""Errors of the API as RFC 9457 problem details, all in one shape. They reveal no internal cause."""

from http import HTTPStatus

import msgspec
from flask import Response, request

from webapp.api.validation import FieldFault
from webapp.limits import TooMany
from webapp.unavailable import Unavailable

MEDIA_TYPE = "application/problem+json"
PREFIX = "/api/"

KEPT_HEADERS = ("Allow", "Retry-After", "WWW-Authenticate", "X-RateLimit-Limit", "X-RateLimit-Remaining")


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Body of an error. `type` is about:blank: the status says what kind of problem it is, `detail` what to do."""

    title: str
    status: int
    detail: str = ""
    type: str = "about:blank"
    perhaps_taken: bool | None = None
    """Only in a 503: whether the command may have taken effect, or may yet. Retry with the same Idempotency-Key."""
    errors: list[FieldFault] = []
    """Only in a 422: all faulty fields of the request."""


class ProblemError(Exception):
    """Raised to end a request with this problem."""

    def __init__(self, status: int, detail: str, errors: list[FieldFault] | None = None, **headers: str):
        super().__init__(detail)
        self.problem = Problem(HTTPStatus(status).phrase, status, detail, errors=errors or [])
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def faulty(faults: list[FieldFault]) -> ProblemError:
    """The problem of a request with these faulty fields."""
    sentence = "; ".join(f"{fault.field}: {fault.detail}" if fault.field else fault.detail for fault in faults)
    return ProblemError(422, sentence, faults)


def wanted() -> bool:
    """Whether this request is one of the API."""
    return request.path.startswith(PREFIX)


def answer(problem: Problem, headers: dict[str, str] | None = None) -> Response:
    response = Response(msgspec.json.encode(problem), problem.status, mimetype=MEDIA_TYPE)
    response.headers.update(headers or {})
    return response


def of_error(error: ProblemError) -> Response:
    return answer(error.problem, error.headers)


def of_unavailable(error: Unavailable, perhaps_taken: bool) -> Response:
    status = HTTPStatus.SERVICE_UNAVAILABLE
    problem = Problem(status.phrase, status, f"{error}; try again", perhaps_taken=perhaps_taken)
    return answer(problem, {"Retry-After": str(error.retry_after_seconds)})


def of_too_many(error: TooMany) -> Response:
    status = HTTPStatus.TOO_MANY_REQUESTS
    return answer(Problem(status.phrase, status, str(error)), {"Retry-After": str(error.retry_after_seconds)})


DETAILS = {
    400: "the request is malformed",
    403: "you have no permission for this",
    404: "there is nothing at this address",
    405: "this address does not support this method; the header Allow lists those that it does",
    413: "request body too large",
    415: "the body must be application/json",
    429: "too many requests; wait for the seconds in Retry-After, then try again",
    500: "this is a fault in Day Trade, not in your request; its details are in the site's log",
}


def of_response(response: Response) -> Response:
    """Turns an error answered by Flask itself into a problem."""
    status = HTTPStatus(response.status_code)
    headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    return answer(Problem(status.phrase, status, DETAILS.get(status, "")), headers)
