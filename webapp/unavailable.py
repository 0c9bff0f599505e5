"""The exceptions for a server that is away: pages and API turn them into 503 with Retry-After. Nothing else here."""

from schema.errors import DayTradeError


class Unavailable(DayTradeError):
    """RabbitMQ or Postgres is away, or too much is waiting. The text is for people.

    `perhaps_taken`: the order, or an earlier one with the same key, had left for the broker: it may have taken effect,
    or take it yet, once; asking again with the same Idempotency-Key finds it. False: it surely had and will have none.
    None: whoever raised this does not know of orders (`webapp.failures` judges by the request). The same key sent to
    two processes of the site at one moment is beyond what each of them knows.
    """

    def __init__(self, what: str, retry_after_seconds: int = 2, perhaps_taken: bool | None = None):
        super().__init__(what)
        self.retry_after_seconds = retry_after_seconds
        self.perhaps_taken = perhaps_taken


class ReadOnly(Unavailable):
    """Postgres answers, but takes no writes: it is a standby, or is told to take none."""
