"""Sign-up, login, logout, change of password, and the person behind the current request.

A fault that the person can mend is raised as ProblemForPeople, with a sentence to show. Nothing here renders a page.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import wraps

from flask import abort, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from schema.commands import is_user
from webapp import known_browsers, passwords, people, sessions, tokens
from webapp.limits import GUESSES, OWN_GUESSES, PERSONS_RATE, STRANGERS_RATE, Tries, network
from webapp.passwords import HashersBusy
from webapp.people import Person
from webapp.reserved_names import is_reserved
from webapp.security_events import note
from webapp.site import site

__all__ = [
    "Person", "ProblemForPeople", "administrator_required", "bearer_token", "change_password", "check_password",
    "client", "clients_rate", "current_user", "log_in", "log_out", "login_required", "reads_only", "sign_up",
]  # fmt: skip

LOG_IN_ENDPOINT = "pages.log_in"

MANY_GUESSES = (
    "Too many wrong passwords were given for this name. Log in with a browser in which you have logged in before, or"
    " try again later."
)
MANY_OWN_GUESSES = "You have given too many wrong passwords. Try again later."


class ProblemForPeople(ValueError):
    """A fault in what somebody typed. `field` names the form's field at fault, "" if no single field is."""

    def __init__(self, sentence: str, field: str = ""):
        super().__init__(sentence)
        self.field = field


def current_user() -> Person | None:
    """The person whose API token or session this request carries; None without a valid one. Raises Unavailable."""
    if "person" not in g:
        text = bearer_token()
        bearer = tokens.bearer_of(site().store, text) if text is not None else None
        g.has_token = bool(text)
        g.reads_only = bearer is not None and bearer.scope == tokens.READ
        g.person = _person_of_session() if text is None else bearer and bearer.person
    person: Person | None = g.person
    return person


def reads_only() -> bool:
    """Whether the request carries a token that may only read. Raises Unavailable."""
    current_user()
    return bool(g.get("reads_only"))


def client() -> str:
    """The client as which this request counts: its person, or else its network. Raises Unavailable."""
    person = current_user()
    return f"network {network()}" if person is None else f"person {person.user_id}"


def clients_rate() -> str:
    """Limit on the calls of this request's client. Raises Unavailable."""
    return STRANGERS_RATE if current_user() is None else PERSONS_RATE


def logged_in() -> Person:
    """The person behind this request; only for views under `login_required`. Raises Unavailable."""
    person = current_user()
    assert person is not None, "only for those who are logged in"
    return person


def bearer_token() -> str | None:
    """The token in the request's Authorization header, "" if the header holds none; None if it is not for a token.

    Its session is ignored if a request has a token, even an empty one: such a request needs no CSRF token.
    """
    authorization = request.authorization
    if authorization is None or authorization.type != "bearer":
        return None
    return authorization.token or ""


def sign_up(user_id: str, password: str) -> Person:
    """Creates a person and logs them in. Raises ProblemForPeople (user_id, password), HashersBusy, Unavailable."""
    if not is_user(user_id):
        raise ProblemForPeople("A name has 1 to 64 characters from A-Z a-z 0-9 _ . @ -", "user_id")
    if is_reserved(user_id):
        raise ProblemForPeople("This name is reserved. Choose another one.", "user_id")
    if (fault := passwords.fault(password, user_id)) is not None:
        raise ProblemForPeople(fault, "password")
    person = people.make(site().store, user_id, passwords.hashed(password))
    if person is None:
        raise ProblemForPeople("This name is taken. Choose another one.", "user_id")
    _begin_session(person)
    note("signed up", user_id)
    return person


def log_in(user_id: str, password: str) -> Person:
    """Begins a new session and ends the one that the browser had. Raises the same as `check_password`."""
    person = check_password(user_id, password)
    _begin_session(person)
    note("logged in", user_id)
    return person


def check_password(user_id: str, password: str) -> Person:
    """The person with this name and password; begins no session.

    Raises ProblemForPeople, TooMany, HashersBusy, Unavailable.
    """
    if not is_user(user_id):
        raise _wrong()
    store = site().store
    guesses = _guesses_at(user_id)
    guesses.count()
    found = people.find(store, user_id)
    person, password_hash = found or (None, None)
    if not passwords.verify(password_hash, password) or person is None or password_hash is None:
        note("wrong password", person.user_id if person else None)
        raise _wrong()
    guesses.forget()
    if passwords.is_outdated(password_hash):
        with suppress(HashersBusy):  # a later login renews it
            people.set_hash(store, user_id, passwords.hashed(password))
    return person


def log_out() -> None:
    """Ends this session in the database, so that a copy of its cookie no longer works. Raises Unavailable."""
    person = current_user()
    sessions.end(site().store)
    g.person = None
    note("logged out", person.user_id if person else None)


def change_password(old: str, new: str) -> None:
    """Changes the current person's password, ends all their sessions and begins a new one for this browser.

    Raises ProblemForPeople (fields: old, new), TooMany, HashersBusy, Unavailable.
    """
    person = logged_in()
    guesses = Tries(OWN_GUESSES, "own password", person.user_id, MANY_OWN_GUESSES)
    guesses.count()
    found = people.find(site().store, person.user_id)
    if found is None or not passwords.verify(found[1], old):
        note("wrong current password", person.user_id)
        raise ProblemForPeople("This is not your current password.", "old")
    guesses.forget()
    if (fault := passwords.fault(new, person.user_id)) is not None:
        raise ProblemForPeople(fault, "new")
    _begin_session(people.set_password(site().store, person.user_id, passwords.hashed(new)))
    note("password changed, other sessions and tokens ended", person.user_id)


def login_required(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """Redirects requests without a login to the login page; `?next=` carries the address of a GET."""

    @wraps(view)
    def guarded(*arguments: object, **named: object) -> ResponseReturnValue:
        if current_user() is None:
            return _to_log_in()
        _require_scope()
        return view(*arguments, **named)

    return guarded


def administrator_required(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """Answers 403 to people who are not administrators; redirects requests without a login to the login page."""

    @wraps(view)
    def guarded(*arguments: object, **named: object) -> ResponseReturnValue:
        person = current_user()
        if person is None:
            return _to_log_in()
        _require_scope()
        if not person.administrator:
            abort(403)
        return view(*arguments, **named)

    return guarded


def _require_scope() -> None:
    if request.method not in ("GET", "HEAD", "OPTIONS") and reads_only():
        abort(403)


def _wrong() -> ProblemForPeople:
    """The fault of a wrong name or password, in one sentence for both, so that it does not reveal which names exist."""
    return ProblemForPeople("The name or the password is wrong.")


def _guesses_at(user_id: str) -> Tries:
    """Passwords tried for this name: in this browser if it is a known one of that person, else in all others."""
    known = known_browsers.number_of(user_id)
    subject = f"{user_id} {known}" if known else user_id
    return Tries(GUESSES, "passwords of a name", subject, MANY_GUESSES)


def _begin_session(person: Person) -> None:
    sessions.begin(site().store, person)
    known_browsers.remember(person.user_id)
    g.person = person


def _person_of_session() -> Person | None:
    return sessions.person_of(site().store, session.get(sessions.ID))


def _to_log_in() -> ResponseReturnValue:
    asked_for = request.full_path.removesuffix("?") if request.method == "GET" else None
    return redirect(url_for(LOG_IN_ENDPOINT, next=asked_for))
