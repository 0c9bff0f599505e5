"""Command line of the stack, for `python -m deploy` and `make`. Each command reads its options and calls the
module that does the work.

Options come from the environment, in which make passes on its variables.
"""

import os
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from typer.exceptions import TyperException

from deploy.commands import live, misspelt, preconditions, runs, tiers
from deploy.commands.stepping_down import step_down
from deploy.servers import servers
from deploy.stack import broker_roles, caller, others_files
from deploy.stack.checkout_path import complaint
from deploy.stack.failure import StackError
from deploy.stack.lock import exclusive
from deploy.stack.paths import LOGS, ROOT
from deploy.stack.profiles import LIVE, PROFILES
from deploy.stack.progress import duration, progress, say
from deploy.stack.record import CONTAINER, GIVEN, load
from deploy.supervision import leftovers, metrics_ports, site, supervisor
from deploy.supervision.foreground import Interrupted
from runtime import interpreter
from schema.commands import is_user

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, no_args_is_help=True)

Replicas = Annotated[int, typer.Option(envvar="REPLICAS", min=1, max=64, help="number of transaction workers")]


@app.command("servers")
def servers_command() -> None:
    """Start RabbitMQ and Postgres only."""
    with exclusive("servers"):
        servers.start(load())
    say("RabbitMQ and Postgres are running. Next: make env PROFILE=test · make status · make down")


@app.command()
def up(replicas: Replicas = 1) -> None:
    """Start servers and workers; they keep running."""
    with exclusive("up"):
        preconditions.require_workers(LIVE, replicas)
        well = live.bring_up(load(), replicas)
    status()
    say(f"Next: make env · make status · make down. Logs: {LOGS}")
    if not well:
        raise typer.Exit(1)


@app.command()
def web(replicas: Replicas = 1) -> None:
    """Start servers, workers and the site. They keep running; a demo person can log in."""
    with exclusive("web"):
        record = load()
        preconditions.require_workers(LIVE, replicas)
        preconditions.require_site(record)
        well = live.bring_up(record, replicas)
        with progress("Starting the site"):
            address = site.start(record, quotes_are_simulated=not os.environ.get("QUOTE_SERVER"))
        with progress("Creating the demo person"):
            name, password = site.make_demo_person(record)
    status()
    say(f"The site: {address}   name {name}, password {password}")
    say("Next: make admin USER=name · make down")
    if not well:
        raise typer.Exit(1)


@app.command()
def admin(name: Annotated[str, typer.Argument()] = "") -> None:
    """Make a person an administrator of the site."""
    if not name:
        say("usage: make admin USER=name [EXISTING=yes]")
        raise typer.Exit(2)
    if not is_user(name):
        raise StackError(f"USER={name}: a name has 1 to 64 of A-Z a-z 0-9 _ . @ -")
    existing = preconditions.require_yes_or_nothing("EXISTING")
    preconditions.refuse_on_command_line("PASSWORD")
    with exclusive("admin"):
        raise typer.Exit(runs.admin(load(), name, existing))


@app.command()
def down() -> None:
    """Drain the workers, stop everything."""
    with exclusive("down"), progress("Stopping workers and servers"):
        servers.stop(load())


@app.command()
def status() -> None:
    """Show what runs."""
    record = load()
    table = Table("process", "state", "pid", "up for", "metrics port")
    if supervisor.running(record):
        for name, info in sorted(supervisor.processes(record).items()):
            seconds = info["now"] - info["start"] if info["pid"] else 0
            up_for = duration(seconds) if seconds else "-"
            port = metrics_ports.shown(record, name)
            table.add_row(name, info["statename"], str(info["pid"] or "-"), up_for, port)
    elif lost := leftovers.find():
        table.add_row(f"{len(lost)} processes", "no supervisor: make down", "-", "-")
    if record.kind == CONTAINER and servers.running(record):
        table.add_row("rabbitmq, postgres", "in containers", "-", "-")
    print(f"Python {interpreter.described()}")
    if not table.rows:
        print("Nothing is running.")
        return
    if record.kind == GIVEN:
        table.add_row("rabbitmq, postgres", "given; one login for each has all rights (docs/security.md)", "-", "-")
    Console().print(table)
    if any(str(row).startswith(f"{LIVE}.") for row in table.columns[0].cells):
        print(live.figures(record))


@app.command()
def env(
    profile: Annotated[str, typer.Option(envvar="PROFILE")] = LIVE,
    role: Annotated[str, typer.Option(envvar="ROLE", help="role in RabbitMQ; default: operator")] = "",
) -> None:
    """Print AMQP_URL and DATABASE_URL as shell assignments."""
    record = load()
    if profile not in PROFILES:
        raise StackError(f"unknown profile {profile}: choose one of {', '.join(PROFILES)}")
    if record.kind != GIVEN and not servers.running(record):
        raise StackError("the stack is not running: run `make up` or `make servers` first")
    for name, value in broker_roles.for_shell(record, profile, role).items():
        # Not quoted: in `export $(make env)`, quotes would become part of the value.
        print(f"{name}={value}")


@app.command()
def loadtest(replicas: Replicas = 1) -> None:
    """Run a workload on a fresh database and topology."""
    with exclusive("loadtest"):
        raise typer.Exit(runs.loadtest(load(), replicas))


@app.command()
def test(
    tier: Annotated[str, typer.Argument(help=f"one of {', '.join(tiers.TIERS)}")] = tiers.ALL,
    arguments: Annotated[
        str, typer.Option(envvar="ARGS", help="arguments for pytest, in place of the tier's own")
    ] = "",
) -> None:
    """Run the tests, or one tier of them, against real servers."""
    with exclusive("test"):
        raise typer.Exit(runs.tests(load(), tiers.chosen(tier, preconditions.arguments_from(arguments))))


@app.command()
def chaos(
    seed: Annotated[int, typer.Option(envvar="SEED", min=1)] = 1,
    rounds: Annotated[int, typer.Option(envvar="ROUNDS", min=1)] = 1,
    arguments: Annotated[str, typer.Option(envvar="ARGS", help="options of `python -m tests.chaos`")] = "",
) -> None:
    """Run workloads while faults strike. Then check that nothing is lost, doubled or out of order."""
    with exclusive("chaos"):
        options = ["--seed", str(seed), "--rounds", str(rounds), *preconditions.arguments_from(arguments)]
        raise typer.Exit(runs.chaos(load(), options))


@app.command()
def soak(
    seed: Annotated[int, typer.Option(envvar="SEED", min=1, help="first seed")] = 1,
    rounds: Annotated[int, typer.Option(envvar="ROUNDS", min=1)] = 200,
    again: Annotated[bool, typer.Option(envvar="AGAIN", help="also repeat rounds that found violations")] = False,
) -> None:
    """Run many rounds of chaos. A later run continues; the figures go to docs/reliability.md."""
    with exclusive("soak"):
        options = ["--soak", "--seed", str(seed), "--rounds", str(rounds), *(["--again"] if again else [])]
        raise typer.Exit(runs.chaos(load(), options))


@app.command()
def state(file: Annotated[str, typer.Option(envvar="STATE")] = "") -> None:
    """Write every account as the last run left it."""
    _export("state", "STATE", file, "make state STATE=file.json")


@app.command()
def history(file: Annotated[str, typer.Option(envvar="HISTORY")] = "") -> None:
    """Write the history of the last run."""
    _export("history", "HISTORY", file, "make history HISTORY=file.jsonl")


@app.command()
def replay() -> None:
    """Replay the last run's streams and compare the state."""
    with exclusive("replay"):
        raise typer.Exit(runs.replay(load()))


def _add_benchmark(name: str, what: str, words: str) -> None:
    @app.command(name, help=words)
    def run_benchmark() -> None:
        with exclusive(name):
            raise typer.Exit(runs.bench(load(), what))


_add_benchmark("bench-web", "web", "Measure the site's latency while commands run beside it.")
_add_benchmark("bench-waiting", "web_waiting", "Measure the site's pages while people wait for quotes.")
_add_benchmark("bench-flood", "flood", "Measure people's orders while a workload publishes unthrottled.")
_add_benchmark("bench-quotes", "quotes", "Measure the cost of quotes and how long they take.")
_add_benchmark("bench-triggers", "triggers", "Measure the cost of price events and the time to their fills.")


@app.command("what-if")
def what_if(user: Annotated[str, typer.Argument()] = "", prices: Annotated[str, typer.Argument()] = "") -> None:
    """Show which trigger orders recorded prices would fire."""
    if not (user and prices):
        say("usage: make what-if USER=name PRICES=file.csv")
        raise typer.Exit(2)
    preconditions.require_file(prices, "PRICES")
    with exclusive("what-if"):
        raise typer.Exit(runs.what_if(load(), user, prices))


@app.command("dead-letters")
def dead_letters_command() -> None:
    """List the undecodable messages of the last run."""
    with exclusive("dead-letters"):
        raise typer.Exit(runs.dead_letters(load()))


@app.command()
def verify() -> None:
    """Recompute every invariant of the last run. Exit 1 if one is violated."""
    for variable in ("DUMP", "HEADS"):
        if name := os.environ.get(variable):
            preconditions.require_file(name, variable)
    with exclusive("verify"):
        raise typer.Exit(runs.verify(load()))


@app.command()
def clean() -> None:
    """Stop everything and drop this stack's data."""
    with exclusive("clean"), progress("Stopping everything and deleting the data"):
        record = load()
        try:
            servers.stop(record)
        except (StackError, OSError) as error:  # also with a damaged .stack, every process must end
            say(f"{error}; ending every process of this stack")
            leftovers.end_all()
        servers.forget(record)


def _export(what: str, variable: str, file: str, usage: str) -> None:
    if not file:
        say(f"usage: {usage}")
        raise typer.Exit(2)
    preconditions.require_writable(file, variable)
    with exclusive(what):
        raise typer.Exit(runs.export(load(), what, file))


def main() -> int:
    """Runs a command. Errors of the stack become one line (and the end of a log), never a traceback."""
    os.umask(0o077)  # what the stack writes is for its own user only; all that it starts inherits this
    try:
        if fault := complaint(str(ROOT)):
            raise StackError(fault)
        step_down(sys.argv[1:])
        others_files.refuse(os.geteuid(), at_the_top_only=sys.argv[1:2] in (["down"], ["status"], ["env"]))
        misspelt.refuse(os.environ.get(misspelt.GIVEN, "").split())
        caller.drop_useless_folder()
        return app(prog_name="python -m deploy", standalone_mode=False) or 0
    except TyperException as error:
        # Without a command, the message is the help text.
        text = error.format_message()
        say(text if "\n" in text else f"error: {text}")
        return 2
    except typer.Abort:
        return 130
    except StackError as error:
        say(f"error: {error}")
        return 1
    except Interrupted as interrupted:
        return interrupted.exit_code
