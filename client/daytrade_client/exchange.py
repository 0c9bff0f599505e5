"""Rules of an exchange with the site, for both clients: requests, answers, when to send again. No I/O and no clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict, TypeVar
from urllib.parse import urljoin, urlsplit

import httpx
import msgspec

from daytrade_client.answers import CommandInfo, CommandState, ProblemInfo
from daytrade_client.calls import PREFIX, Call, encoded
from daytrade_client.refusals import ApiRefusal, NoAnswer

Answer = TypeVar("Answer")

ATTEMPTS_MAX = 6
PAUSES_SECONDS = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Pauses after the first, second, … attempt without an answer."""

PAUSE_SECONDS_MAX = 10.0
"""Longest pause that a `Retry-After` is obeyed for; a longer one is raised as a refusal."""

TIMEOUT_SECONDS = 20.0
"""Longest silence of the site, which is above the longest wait for an outcome."""

STREAM_SILENCE_SECONDS = 25.0
"""Longest silence of the stream, which sends a heartbeat every 10 s."""

TOO_MANY, UNAVAILABLE, REDIRECT = 429, 503, 307


class Sent(TypedDict):
    """Arguments of httpx for a call."""

    method: str
    url: str
    params: Mapping[str, str | int]
    content: bytes | None
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Place:
    """Address of the site, and the token of the person; "" before there is one."""

    url: str
    token: str = ""

    def sent(self, call: Call[Answer]) -> Sent:
        """The request for a call."""
        content = encoded(call.body)
        headers = self.headers() | ({"Content-Type": "application/json"} if content is not None else {})
        if call.key is not None and call.path == "/commands":
            headers["Idempotency-Key"] = call.key
        return Sent(
            method=call.method,
            url=self.url.rstrip("/") + PREFIX + call.path,
            params=call.query,
            content=content,
            headers=headers,
        )

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


def pause_after(call: Call[Answer], attempt: int, answer: httpx.Response | None) -> float | None:
    """Seconds before the call is sent again; None if it is not. `attempt`: number of times that it was sent."""
    if not call.repeatable or attempt >= ATTEMPTS_MAX:
        return None
    if answer is None:
        return PAUSES_SECONDS[attempt - 1]
    if answer.status_code not in (TOO_MANY, UNAVAILABLE):
        return None
    asked = answer.headers.get("Retry-After", "")
    pause = float(asked) if asked.isdigit() else PAUSES_SECONDS[attempt - 1]
    return pause if pause <= PAUSE_SECONDS_MAX else None


def read(call: Call[Answer], answer: httpx.Response) -> Answer:
    """The answer as the call's type. Raises ApiRefusal."""
    if answer.is_error:
        raise refusal_of(answer)
    return msgspec.json.decode(answer.content, type=call.answer)


def problem_of(answer: httpx.Response) -> ProblemInfo:
    """The problem in an answer; one made of its status if it is not from the API (a proxy's)."""
    try:
        return msgspec.json.decode(answer.content, type=ProblemInfo)
    except msgspec.MsgspecError:
        return ProblemInfo(answer.reason_phrase, answer.status_code, "the answer does not come from the API")


def no_answer(call: Call[Answer], error: httpx.HTTPError) -> NoAnswer:
    return NoAnswer(str(error) or type(error).__name__, call.key)


def is_open(info: CommandInfo) -> bool:
    """Whether the outcome is still to be asked for."""
    return info.status is CommandState.PENDING


def stream_url(place: Place) -> str:
    return place.url.rstrip("/") + PREFIX + "/stream"


def stream_query(symbols: Sequence[str], after: int | None) -> dict[str, str | int]:
    return ({"symbols": ",".join(symbols)} if symbols else {}) | ({"after": after} if after is not None else {})


def is_busy(answer: httpx.Response) -> bool:
    """Whether the site asks to come back later."""
    return answer.status_code in (TOO_MANY, UNAVAILABLE)


def led_to(place: Place, answer: httpx.Response) -> str:
    """Address to which the site leads a stream. The token goes to the site's own host only. Raises ApiRefusal."""
    if answer.status_code != REDIRECT:
        raise refusal_of(answer)
    address = urljoin(place.url, answer.headers["Location"])
    if urlsplit(address).hostname != urlsplit(place.url).hostname:
        raise ApiRefusal(ProblemInfo("Redirect", REDIRECT, f"the stream is at another host: {address}"))
    return address


def refusal_of(answer: httpx.Response) -> ApiRefusal:
    return ApiRefusal(problem_of(answer))
