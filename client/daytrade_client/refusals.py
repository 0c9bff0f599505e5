"""Exceptions of the client. A rejected command raises none of them: its outcome says that it was rejected."""

from daytrade_client.answers import ProblemInfo


class DaytradeError(Exception):
    """Failure of a call. The text says what happened and what to do."""


class ApiRefusal(DaytradeError):
    """Refusal of a request by the site. `problem` has the status, what is wrong, and all faulty fields."""

    def __init__(self, problem: ProblemInfo):
        super().__init__(f"{problem.status} {problem.title}: {problem.detail}")
        self.problem = problem


class NoAnswer(DaytradeError):
    """Failure of all attempts to get an answer.

    `key`: key of the command, which may have taken effect; send it again with this key to learn its outcome.
    """

    def __init__(self, detail: str, key: str | None):
        advice = f"; the command may have taken effect: repeat it with key={key!r}" if key else ""
        super().__init__(f"no answer from the site: {detail}{advice}")
        self.key = key


class NotLoggedIn(DaytradeError):
    """Failure because no address or token is known. `daytrade login` or DAYTRADE_URL and DAYTRADE_TOKEN give them."""
