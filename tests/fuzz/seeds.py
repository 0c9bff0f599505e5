"""Valid inputs of each fuzz target, from which mutations start."""

from schema import codec
from schema.commands import VERSION, CommandBatch, CommandName, DumpMarker, FillBatch
from schema.events import (
    AccountsChanged,
    AuditEntry,
    AuditKind,
    AuditMessage,
    PriceMessage,
    PriceRequest,
    Reply,
    ReplyMessage,
    TriggerChange,
    TriggerMessage,
)
from schema.outcomes import Outcome, Reason, Side
from tests.builders import T0, a_command, a_fill, a_quote
from tests.fuzz.targets import FORMS

VALUES = {
    "user": "ann",
    "symbol": "ABC",
    "amount_cents": "12345678901234567.89",
    "filename": "./logs/é.xml",
    "shares": "+100",
    "order_seq": "7",
}

LINES = [
    f"[{number}] {','.join([name, *(VALUES[field] for field in form)])}\n"
    for number, (name, _, form) in enumerate(FORMS, 1)
]

READER = [line.encode() for line in LINES] + [
    "".join(LINES).encode(),
    b"\xef\xbb\xbf [00000000000000000001] ADD , ann , +1.5 \r[2] BUY,ann,abc,.5\r\n",
    b"[1] ADD,ann,1.00 [2] QUOTE,ann,ABC\n[3] NOTHING\n[x] ADD,ann,1\n\n[9223372036854775808] COMMIT_BUY,ann\n",
    b"[1] DUMPLOG,~ann/log\n[2] DUMPLOG,ann,../log\n[3] ADD,\xff,1.00\n",
    b"[1] ADD,ann," + b"9" * 17_000 + b"\n[2] COMMIT_BUY,ann",
]

_ENTRIES = [
    AuditEntry(AuditKind.USER_COMMAND, T0, 1, CommandName.BUY, "ann", "ABC", None, 1_00),
    AuditEntry(AuditKind.ACCOUNT_TRANSACTION, T0, 1, None, "ann", None, None, -1_00),
    AuditEntry(AuditKind.QUOTE_SERVER, T0, 1, None, "ann", "ABC", None, 1_00, None, T0, "key"),
    AuditEntry(AuditKind.ERROR_EVENT, T0, 1, CommandName.SELL, "ann", "ABC", None, 1_00, "<&>\r\u0000"),
    AuditEntry(AuditKind.MARKER, T0, 1, None, None, None, "log", None, "0" * 32),
]

MESSAGES = [
    codec.encode(message)
    for message in (
        CommandBatch(
            VERSION, T0, [a_command("BUY", 1_00), a_command("SELL", shares=3), a_command("COMMIT_BUY", order=2)]
        ),
        FillBatch(VERSION, T0, [a_fill(1_01, 1), a_fill(1_02, 2, Side.SELL)]),
        DumpMarker(VERSION, T0, a_command("DUMPLOG", user=None)),
        AuditMessage(VERSION, 3, 1, _ENTRIES),
        PriceMessage(VERSION, [a_quote(1_01), a_quote(499_900, "Z", quote_id=2)]),
        PriceRequest(VERSION, "ABC", "ann", 1, True, 3),
        ReplyMessage(VERSION, [Reply(bytes(16), "ann", 3, Outcome.REJECTED, Reason.BAD_ARGUMENTS, None, 1, 1, T0)]),
        TriggerMessage(VERSION, [TriggerChange("ann", "ABC", Side.BUY, 1, 5_00, 1_00, T0, 1)]),
        AccountsChanged(VERSION, ["ann", "bob"]),
    )
]

QUOTES = [
    b"12.34,ABC,ann,1700000000000,IRrR7UeTO35kSWUgG0QJKmB35sL27FKM7AVhP5qpjCgmWQeXFJs35g==\n",
    b"1,ABC,ann,0,k\r\n",
    b"4999.00,ABC,ann,999999999999999999, ~\n",
    b"92233720368547758.07,ABC,ann,1,k\nmore",
]

ARGUMENTS = [
    bytes([place]) + ",".join(VALUES[field] for field in form).encode() for place, (_, _, form) in enumerate(FORMS)
]
ARGUMENTS += [bytes([place]) + b"ann, \xc4\xb1 ,-0.00,\xff,\xed\xa0\x80" for place in range(len(FORMS))]

SEEDS = {"reader": READER, "message_decoders": MESSAGES, "quote_answers": QUOTES, "arguments": ARGUMENTS}
