"""Requests for dumps of the log: each is noted as a security event, and a person may make only so many an hour."""

from webapp import idempotency, ids
from webapp.limits import Tries
from webapp.security_events import note
from webapp.site import site


def count(user: str, scope: str, key: str | None) -> None:
    """Counts a person's request, unless its idempotency key is known: then no further dump is made.

    `scope`: whose log it is, for the event. Raises TooMany, Unavailable.
    """
    here = site()
    if key is None or idempotency.is_bound(here.store, user, ids.of_key(user, key)) is None:
        most = here.settings.dumps_an_hour
        sentence = f"You may ask for {most} {'file' if most == 1 else 'files'} of the log an hour. Try again later."
        Tries(f"{most} per hour", "dumps of a person", user, sentence).count()
    note("dump requested", user, scope=scope)
