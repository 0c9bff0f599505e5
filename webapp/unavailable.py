"""The exceptions for an unreachable server: pages and API turn them into 503 with Retry-After. Nothing else here."""

from schema.errors import DayTradeError


class Unavailable(DayTradeError):
    """RabbitMQ or Postgres is unreachable, or too many requests are waiting. The text is for people.

    `perhaps_taken` True: the command, or an earlier one with the same key, was sent to the broker. It may have taken
    effect, or may do so yet, at most once; a retry with the same Idempotency-Key finds it. False: it had no effect and
    will have none. None: the code that raised this knows no command; `webapp.failures` judges by the request. If one
    key goes to two processes of the site at the same moment, neither knows what the other did.
    """

    def __init__(self, what: str, retry_after_seconds: int = 2, perhaps_taken: bool | None = None):
        super().__init__(what)
        self.retry_after_seconds = retry_after_seconds
        self.perhaps_taken = perhaps_taken


class ReadOnly(Unavailable):
    """Postgres answers, but takes no writes: it is a standby, or is set to read-only."""
