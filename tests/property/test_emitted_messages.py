"""Every message that the engine, the trigger workers and the quote cache can emit decodes at its reader."""

from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.triggers.watch import TriggerWatch
from quotecache.audit_entries import audit_messages
from rabbitmq.topology import ACCOUNTS_EXCHANGE, AUDIT_EXCHANGE, REPLIES_EXCHANGE, TRIGGERS_EXCHANGE
from schema import codec
from schema.bounds import INT64_MAX
from schema.commands import VERSION, FillBatch
from schema.events import NoQuote, PriceMessage
from tests.builders import T0, a_quote
from tests.property.emissions import REPLY_TO, announcements_of, lives, numbers, prices, requests, settled
from tests.scheduler_rig import QuoteTable

READERS = {
    AUDIT_EXCHANGE: codec.decode_audit,
    TRIGGERS_EXCHANGE: codec.decode_triggers,
    ACCOUNTS_EXCHANGE: codec.decode_accounts_changed,
    REPLIES_EXCHANGE: codec.decode_replies,
}


@settings(max_examples=40)
@given(lives(), prices, numbers)
def test_every_message_the_engine_emits_is_decodable(trader, price, quote_id):
    watch = TriggerWatch(QuoteTable())
    for message in announcements_of(trader):
        assert (message.exchange == REPLIES_EXCHANGE) == (message.routing_key == REPLY_TO)
        decoded = READERS[message.exchange](message.body)
        assert codec.encode(decoded) == message.body
        if message.exchange == TRIGGERS_EXCHANGE:
            watch.hear_changes(decoded.changes, T0)
    watch.hear_answers([a_quote(price, symbol, quote_id=quote_id) for symbol in ("A", "ZZZ")], T0)
    fills = FillBatch(VERSION, T0, watch.take_fills(100))
    assert codec.decode_log(codec.encode(fills)) == fills


@settings(max_examples=50)
@given(requests)
def test_every_price_request_is_decodable(request):
    assert codec.decode_request(codec.encode(request)) == request


@settings(max_examples=50)
@given(st.lists(settled(), max_size=4), st.integers(1, INT64_MAX - 4))
def test_every_message_after_an_answer_of_the_quote_server_is_decodable(ended, first_number):
    for message in audit_messages(ended, first_number):
        assert codec.encode(codec.decode_audit(message.body)) == message.body
    answers = [
        one.quote() if one.failure is None else NoQuote(one.fetch.symbol, one.at_ms, one.failure) for one in ended
    ]
    message = PriceMessage(VERSION, answers)
    assert codec.decode_prices(codec.encode(message)) == message
