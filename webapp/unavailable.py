"""The one exception for a server that is away: pages and API turn it into 503 with Retry-After. Nothing else here."""

from schema.errors import DayTradeError


class Unavailable(DayTradeError):
    """RabbitMQ or Postgres is away, or too much is waiting. The text is for people.

    `perhaps_taken`: the order had left for the broker, which did not confirm it in time. It is published until it is
    confirmed, so it will take effect; asking again with the same Idempotency-Key finds it. Otherwise it surely had
    and will have no effect.
    """

    def __init__(self, what: str, retry_after_seconds: int = 2, perhaps_taken: bool = False):
        super().__init__(what)
        self.retry_after_seconds = retry_after_seconds
        self.perhaps_taken = perhaps_taken
