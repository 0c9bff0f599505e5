"""Exceptions of the client. A command that is rejected is none: its outcome says so."""

from daytrade_client.answers import ProblemInfo


class DaytradeError(Exception):
    """Any failure of a call. The text says what happened and what to do."""


class ApiRefusal(DaytradeError):
    """The site refused the request. `problem` has the status, what is wrong, and all faulty fields."""

    def __init__(self, problem: ProblemInfo):
        super().__init__(f"{problem.status} {problem.title}: {problem.detail}")
        self.problem = problem


class NoAnswer(DaytradeError):
    """No answer came, however often the request was sent.

    `key`: of the command, which may have taken effect; send it again with this key to learn its outcome.
    """

    def __init__(self, detail: str, key: str | None):
        advice = f"; the command may have taken effect: repeat it with key={key!r}" if key else ""
        super().__init__(f"no answer from the site: {detail}{advice}")
        self.key = key


class NotLoggedIn(DaytradeError):
    """No address or token is known: log in first (`daytrade login`), or set DAYTRADE_URL and DAYTRADE_TOKEN."""
