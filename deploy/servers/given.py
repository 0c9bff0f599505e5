"""Check of the given addresses AMQP_URL and DATABASE_URL before anything connects to them. No I/O."""

from database.libpq_urls import beside, name_of
from deploy.stack.failure import StackError
from deploy.stack.profiles import LONGEST_SUFFIX
from deploy.supervision.program import assignment
from schema.environment import EXAMPLES, require_server_address
from schema.errors import SettingsError


def require_addresses(amqp: str, postgres: str) -> None:
    """Checks both addresses. Raises StackError without the address, which may contain a password."""
    for variable, address in (("AMQP_URL", amqp), ("DATABASE_URL", postgres)):
        try:
            require_server_address(variable, address)
        except SettingsError as error:
            raise StackError(str(error)) from error
        assignment(variable, address)  # raises if supervisord cannot pass it on to workers
    if not name_of(postgres):
        raise StackError(f"DATABASE_URL names no database: it must look like {EXAMPLES['DATABASE_URL']}")
    try:
        beside(postgres, LONGEST_SUFFIX)
    except SettingsError as error:
        raise StackError(str(error)) from error
