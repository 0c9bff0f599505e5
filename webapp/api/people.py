"""API calls for tokens: getting one for a name and password, listing and revoking a person's own."""

import msgspec
from flask import Response

from webapp import tokens
from webapp.accounts import Person, ProblemForPeople, check_password
from webapp.api.operation import answered, operation
from webapp.api.problems import ProblemError
from webapp.api.requests import Credentials
from webapp.bounds import TokenNumber
from webapp.limits import login_limit
from webapp.security_events import note
from webapp.site import site


class NewToken(msgspec.Struct, frozen=True):
    """`token` is shown this once: send it as `Authorization: Bearer …`."""

    token: str
    token_id: int
    name: str
    scope: tokens.Scope
    expires_at_ms: int


@operation("POST", "/tokens", {201: NewToken}, body=Credentials, open_to_all=True, errors=(403, 409), limit=login_limit)
def create_token(body: Credentials) -> Response:
    """Create a token, with your name and password."""
    try:
        person = check_password(body.user, body.password)
    except ProblemForPeople as error:
        raise ProblemError(403, str(error)) from error
    created = tokens.create(site().store, person, body.name, body.scope, int(body.days))
    if created is None:
        raise ProblemError(409, f"you have {tokens.TOKENS_MAX} tokens, the maximum: revoke one first")
    token, text = created
    note("token created", person.user_id, token=token.token_id, scope=token.scope)
    return answered(NewToken(text, token.token_id, token.name, token.scope, token.expires_at_ms), 201)


@operation("GET", "/tokens", {200: list[tokens.Token]})
def list_tokens(person: Person) -> list[tokens.Token]:
    """List your valid tokens, without their texts, with the time of their last use."""
    return tokens.of_person(site().store, person.user_id)


@operation("DELETE", "/tokens/{token_id}", {204: None}, path_parameters={"token_id": TokenNumber})
def revoke_token(person: Person, token_id: int) -> Response:
    """Revoke one of your tokens."""
    if not tokens.revoke(site().store, person.user_id, token_id):
        raise ProblemError(404, "you have no token with this id")
    note("token revoked", person.user_id, token=token_id)
    return Response(status=204)
