"""Check of the given addresses AMQP_URL and DATABASE_URL before anything connects to them. No I/O."""

from urllib.parse import urlsplit

from database.libpq_urls import name_of
from deploy.stack.failure import StackError
from deploy.supervision.program import assignment

SCHEMES = {"AMQP_URL": ("amqp", "amqps"), "DATABASE_URL": ("postgresql", "postgres", "postgresql+psycopg")}

EXAMPLES = {"AMQP_URL": "amqp://user:password@host:5672/vhost", "DATABASE_URL": "postgresql://user:password@host/name"}


def require_addresses(amqp: str, postgres: str) -> None:
    """Checks both addresses. Raises StackError without the address, which may contain a password."""
    for variable, address in (("AMQP_URL", amqp), ("DATABASE_URL", postgres)):
        try:
            parts = urlsplit(address)
            well = parts.scheme in SCHEMES[variable] and (parts.port or 1) and "\0" not in address
        except ValueError:  # a port that is not a number, or an incomplete IPv6 address
            well = False
        if not well:
            raise StackError(f"{variable} is not a valid address: it must look like {EXAMPLES[variable]}")
        assignment(variable, address)  # raises if supervisord cannot pass it on to workers
    if not name_of(postgres):
        raise StackError(f"DATABASE_URL names no database: it must look like {EXAMPLES['DATABASE_URL']}")
