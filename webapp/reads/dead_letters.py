"""Messages that could not be read, as they lie in their queue: for administrators to look at. Nothing is dealt with."""

import msgspec

from rabbitmq.connection import open_connection
from rabbitmq.dead_letter_box import Box
from schema.errors import BrokerError
from webapp.site import site
from webapp.unavailable import Unavailable

LETTERS_SHOWN = 50
BYTES_SHOWN = 48


class DeadLetter(msgspec.Struct, frozen=True):
    """`id`: the stream it came from and its place there. `beginning`: its first bytes, as text can show them."""

    id: str
    reason: str
    size_bytes: int
    beginning: str


class DeadLetters(msgspec.Struct, frozen=True):
    """The oldest of `total`."""

    letters: list[DeadLetter]
    total: int


def dead_letters() -> DeadLetters:
    """Takes the letters out and puts them back in order: for a person who asks, not for a clock. Raises Unavailable."""
    try:
        connection = open_connection(site().settings.base.amqp_url, "dead letters", patience_seconds=0)
        try:
            box = Box(connection)
            letters = box.letters
            box.close()
        finally:
            connection.close()
    except BrokerError as error:
        raise Unavailable("the message broker does not answer") from error
    shown = [
        DeadLetter(letter.id, letter.reason, len(letter.body), repr(letter.body[:BYTES_SHOWN])[2:-1])
        for letter in letters[:LETTERS_SHOWN]
    ]
    return DeadLetters(shown, len(letters))
