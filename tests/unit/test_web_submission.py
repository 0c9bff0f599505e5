"""A command in the gateway: it is either cancelled or published, and nobody waits for ever."""

from schema.commands import Command, CommandName
from schema.events import Reply
from schema.outcomes import Outcome
from webapp.submission import Submission

COMMAND = Command(bytes(16), 1, CommandName.COMMIT_BUY, "user")
REPLY = Reply(bytes(16), "user", 1, Outcome.DONE, None, None, None, None, 0)


def submission() -> Submission:
    return Submission(COMMAND, "ann", again=False)


def test_a_cancelled_command_is_never_published():
    cancelled = submission()
    assert cancelled.cancel()
    assert not cancelled.send()
    assert cancelled.failed


def test_a_published_command_cannot_be_cancelled():
    sent = submission()
    assert sent.send()
    assert not sent.cancel()
    assert not sent.failed


def test_a_confirm_settles_and_is_final():
    confirmed = submission()
    confirmed.send()
    assert not confirmed.wait_settled(0)
    confirmed.settle()
    confirmed.fail()
    assert confirmed.wait_settled(0)
    assert not confirmed.failed


def test_a_command_that_nobody_will_publish_again_fails():
    lost = submission()
    lost.send()
    lost.fail()
    assert lost.wait_settled(0)
    assert lost.failed


def test_an_outcome_is_as_good_as_a_confirm():
    answered = submission()
    answered.send()
    assert answered.wait_answered(0) is None
    answered.answer(REPLY)
    assert answered.wait_settled(0)
    assert answered.wait_answered(0) is REPLY
