"""People: signing up, logging in and out, changing a password; who is asking right now, and what they may see.

What a person can do something about is raised as ProblemForPeople, with a sentence to show. Renders no page.
"""

from collections.abc import Callable
from functools import wraps

from flask import abort, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from schema.commands import is_user
from webapp import passwords, people, sessions, tokens
from webapp.people import Person
from webapp.site import site

__all__ = [
    "Person", "ProblemForPeople", "administrator_required", "change_password", "check_password", "current_user",
    "log_in", "log_out", "login_required", "sign_up",
]  # fmt: skip

LOG_IN_ENDPOINT = "pages.log_in"


class ProblemForPeople(ValueError):
    """What is wrong with what somebody typed. `field`: of the form, "" where it is none of them in particular."""

    def __init__(self, sentence: str, field: str = ""):
        super().__init__(sentence)
        self.field = field


def current_user() -> Person | None:
    """Whose session this request carries, or whose API token; None for nobody. Raises Unavailable."""
    if "person" not in g:
        bearer = bearer_token()
        g.person = tokens.person_of(site().store, bearer) if bearer else _person_of_session()
    person: Person | None = g.person
    return person


def logged_in() -> Person:
    """The person whose request this is, behind `login_required`. Raises Unavailable."""
    person = current_user()
    assert person is not None, "only for those who are logged in"
    return person


def bearer_token() -> str | None:
    """The token in the request's Authorization header; such a request's session is not looked at."""
    authorization = request.authorization
    if authorization is None or authorization.type != "bearer":
        return None
    return authorization.token or ""


def sign_up(user_id: str, password: str) -> Person:
    """Makes a person and logs them in. Fields: user_id, password. Raises ProblemForPeople, Unavailable."""
    if not is_user(user_id):
        raise ProblemForPeople("A name has 1 to 64 of the characters A-Z a-z 0-9 _ . @ -", "user_id")
    if (fault := passwords.fault(password, user_id)) is not None:
        raise ProblemForPeople(fault, "password")
    person = people.make(site().store, user_id, passwords.hashed(password))
    if person is None:
        raise ProblemForPeople("This name is taken.", "user_id")
    _begin_session(person)
    return person


def log_in(user_id: str, password: str) -> Person:
    """Begins a new session; whatever session the browser had is over. Raises ProblemForPeople, Unavailable."""
    person = check_password(user_id, password)
    _begin_session(person)
    return person


def check_password(user_id: str, password: str) -> Person:
    """The person, if this is their password; begins no session. Raises ProblemForPeople, Unavailable."""
    store = site().store
    found = people.find(store, user_id) if is_user(user_id) else None
    person, password_hash = found or (None, None)
    if not passwords.verify(password_hash, password) or person is None or password_hash is None:
        # One sentence for both: nobody is told which names exist.
        raise ProblemForPeople("Name or password is wrong.")
    if passwords.is_outdated(password_hash):
        people.set_hash(store, user_id, passwords.hashed(password))
    return person


def log_out() -> None:
    """Ends this session for good: a copy of its cookie is worth nothing any more. Raises Unavailable."""
    sessions.end(site().store)
    g.person = None


def change_password(old: str, new: str) -> None:
    """Of the current user: ends all their sessions, and begins a new one here. Raises ProblemForPeople, Unavailable.

    Fields: old, new.
    """
    person = logged_in()
    found = people.find(site().store, person.user_id)
    if found is None or not passwords.verify(found[1], old):
        raise ProblemForPeople("This is not your password.", "old")
    if (fault := passwords.fault(new, person.user_id)) is not None:
        raise ProblemForPeople(fault, "new")
    _begin_session(people.set_password(site().store, person.user_id, passwords.hashed(new)))


def login_required(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """Sends nobody to the login page, with `?next=` the address that was asked for."""

    @wraps(view)
    def guarded(*arguments: object, **named: object) -> ResponseReturnValue:
        return view(*arguments, **named) if current_user() else _to_log_in()

    return guarded


def administrator_required(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """403 for everybody else; nobody is sent to log in."""

    @wraps(view)
    def guarded(*arguments: object, **named: object) -> ResponseReturnValue:
        person = current_user()
        if person is None:
            return _to_log_in()
        if not person.administrator:
            abort(403)
        return view(*arguments, **named)

    return guarded


def _begin_session(person: Person) -> None:
    sessions.begin(site().store, person)
    g.person = person


def _person_of_session() -> Person | None:
    return sessions.person_of(site().store, session.get(sessions.ID))


def _to_log_in() -> ResponseReturnValue:
    asked_for = request.full_path.removesuffix("?") if request.method == "GET" else None
    return redirect(url_for(LOG_IN_ENDPOINT, next=asked_for))
