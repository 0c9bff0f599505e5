"""RabbitMQ and Postgres as processes of this checkout, run from installed programs, with ports and data of their own.

It never touches a server that this checkout did not start, and never uses a server's usual port.
"""

import os
from pathlib import Path

from deploy.servers import broker_files, installed, postgres_data
from deploy.servers.database import answers
from deploy.stack import ports
from deploy.stack.failure import StackError
from deploy.stack.paths import LOGS, RABBITMQ_HOME, log_tail
from deploy.stack.profiles import LIVE, superuser_url, urls_of
from deploy.stack.progress import progress
from deploy.stack.record import PRIVATE, Record
from deploy.supervision import leftovers, readiness, supervisor
from deploy.supervision.program import Program
from runtime.file_owner import name_of

EPMD, RABBITMQ, POSTGRES = "epmd", "rabbitmq", "postgres"
PORTS = ("epmd", "distribution", "amqp", "postgres")
START_SECONDS_MAX = 90
LIVES_MAX = 3
"""Maximum starts of a server that does not answer. After more, the cause is permanent, and waiting does not help."""

BROKERS_FOLDER = "/proc/self/cwd"
"""Path of RABBITMQ_HOME for the broker, whose working directory it is: this path names the working directory of any
process that uses it. The broker must not see the checkout's path: RabbitMQ's configuration allows no # and only ASCII,
and RabbitMQ puts its folders unquoted into shell commands (`df`, to watch the free disk)."""


def start(record: Record, servers: tuple[str, ...] = (EPMD, RABBITMQ, POSTGRES)) -> None:
    """Starts the servers that do not run; returns when all answer. Raises StackError."""
    if not supervisor.running(record):
        installed.ensure()
        leftovers.end_all()
        for name in PORTS:
            others = {port for other, port in record.ports.items() if other != name}
            record.ports[name] = ports.keep_or_find(record.ports.get(name), others)
        record.kind = PRIVATE
        record.save()
        supervisor.start(record, _programs(record))
    elif os.geteuid() not in (0, uid := supervisor.user(record)):
        # Started before a `chown -R`: they go on making files of that user, and Postgres cannot read its own any more.
        raise StackError(f"the servers run as {name_of(uid)}: run `make down`, then this command again")
    infos = supervisor.processes(record)
    missing = [name for name in servers if infos[name]["statename"] not in ("RUNNING", "STARTING")]
    if missing:
        with progress(f"Starting {' and '.join(name for name in missing if name != EPMD)}"):
            for name in missing:
                _start_server(record, name)
            _wait(record, servers, fatal=supervisor.STOPPED_STATES)
    else:
        # A server that supervisord is restarting may be stopped for a moment.
        _wait(record, servers, fatal={"FATAL"})


def _postgres_folder() -> Path:
    folder = installed.postgres_folder()
    assert folder is not None, "Postgres is installed before it is started"
    return folder


def _start_server(record: Record, name: str) -> None:
    if name == POSTGRES:
        postgres_data.prepare(record, _postgres_folder())
    if name == RABBITMQ:
        broker_files.render(record, f"127.0.0.1:{record.ports['amqp']}", f"{BROKERS_FOLDER}/{broker_files.DEFINITIONS}")
        broker_files.mend_places()
        # If epmd did not run yet, RabbitMQ would start one itself, in the background.
        readiness.wait_until(lambda: not ports.is_free(record.ports["epmd"]), EPMD, START_SECONDS_MAX)
    supervisor.start_program(record, name)


def _wait(record: Record, servers: tuple[str, ...], fatal: set[str]) -> None:
    questions = {
        RABBITMQ: lambda: readiness.amqp_answers(urls_of(record, LIVE).amqp),
        POSTGRES: lambda: answers(superuser_url(record)),
    }
    for name in (name for name in servers if name in questions):
        lives: set[int] = set()

        def still_trying(name: str = name, lives: set[int] = lives) -> None:
            info = supervisor.processes(record)[name]
            lives.add(info["start"])
            if info["statename"] in fatal or len(lives) > LIVES_MAX:
                raise StackError(f"{name} does not start; if its data are damaged, `make clean` deletes them")

        try:
            readiness.wait_until(questions[name], name, START_SECONDS_MAX, still_trying)
        except StackError as error:
            log = LOGS / f"{name}.log"
            raise StackError(f"{error}. The end of {log}:\n{log_tail(log)}") from error


def _programs(record: Record) -> list[Program]:
    epmd = {"ERL_EPMD_PORT": str(record.ports["epmd"]), "ERL_EPMD_ADDRESS": "127.0.0.1"}
    brokers_user = broker_files.server_user()
    return [
        Program(
            EPMD,
            (str(installed.epmd()),),
            LOGS / "epmd.log",
            Path("/"),
            environment=epmd,
            autostart=False,
            user=brokers_user,
        ),
        Program(
            RABBITMQ,
            (str(installed.rabbitmq_server()),),
            LOGS / "rabbitmq.log",
            RABBITMQ_HOME,
            environment=epmd | _rabbitmq_environment(record),
            autostart=False,
            stop_seconds_max=60,
            user=brokers_user,
        ),
        Program(
            # The port is an option, as the configuration file is the same in every checkout.
            POSTGRES,
            (str(_postgres_folder() / "postgres"), "-D", ".", "-p", str(record.ports["postgres"])),
            LOGS / "postgres.log",
            postgres_data.folder(),
            autostart=False,
            stop_seconds_max=60,
            user=postgres_data.server_user(),
            # INT ends the sessions of clients; TERM would wait for every client to leave.
            stop_signal="INT",
        ),
    ]


def _rabbitmq_environment(record: Record) -> dict[str, str]:
    home, logs = BROKERS_FOLDER, f"{BROKERS_FOLDER}/{broker_files.LOG}"
    return {
        "HOME": home,  # folder of the Erlang cookie
        "RABBITMQ_NODENAME": "daytrade@localhost",
        "RABBITMQ_CONFIG_FILE": f"{home}/{broker_files.CONFIG}",
        "RABBITMQ_ADVANCED_CONFIG_FILE": f"{home}/advanced.config",
        # A file that does not exist, so that the machine's own settings do not apply.
        "RABBITMQ_CONF_ENV_FILE": f"{home}/rabbitmq-env.conf",
        "RABBITMQ_ENABLED_PLUGINS_FILE": f"{home}/{broker_files.PLUGINS}",
        "RABBITMQ_MNESIA_BASE": f"{home}/{broker_files.DATA}",
        "RABBITMQ_GENERATED_CONFIG_DIR": f"{home}/generated",
        "RABBITMQ_SCHEMA_DIR": f"{home}/schema",
        "RABBITMQ_LOG_BASE": logs,
        "RABBITMQ_PID_FILE": f"{home}/rabbitmq.pid",
        "ERL_CRASH_DUMP": f"{logs}/erl_crash.dump",
        "RABBITMQ_DIST_PORT": str(record.ports["distribution"]),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false",
        # Otherwise a shell runs between supervisord and the broker, and one may survive when the other is killed. With
        # input "allowed" the script becomes the broker (exec); -noinput then closes the input.
        "RABBITMQ_ALLOW_INPUT": "1",
        "RABBITMQ_SERVER_START_ARGS": "-noinput",
    }
