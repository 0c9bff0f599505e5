"""Assembly of all verbs into one command line, and the exit code for a wrong command line."""

import sys

import typer
from typer.exceptions import TyperException

from operators import dead_letter_verbs, figure_verbs, load_verbs, proof_verbs, server_verbs
from operators.verb import MISUSED, a_typer
from runtime import entry_point

app = a_typer("Operate a Day Trade system, on the servers that AMQP_URL and DATABASE_URL name: export $(make env)")
proof_verbs.add_to(app)
figure_verbs.add_to(app)
server_verbs.add_to(app)
load_verbs.add_to(app)
app.add_typer(dead_letter_verbs.app, name=dead_letter_verbs.GROUP)


def run(program: str) -> int:
    """Runs the verb in `sys.argv`. Exit code: the verb's own; 2 no such verb or option; 130 interrupted."""
    try:
        return app(prog_name=program, standalone_mode=False) or 0
    except TyperException as error:
        # Without a verb, the message is the help.
        text = error.format_message()
        print(text if "\n" in text else f"{program}: {text}", file=sys.stderr)
        return MISUSED
    except typer.Abort:
        print(f"{program}: interrupted", file=sys.stderr)
        return entry_point.INTERRUPTED
