"""RabbitMQ and Postgres in containers, through the engine's compose command. It installs no engine."""

import hashlib
import os
import subprocess
from functools import partial

from deploy.servers import broker_files
from deploy.servers.database import answers
from deploy.stack import stack_folder
from deploy.stack.failure import StackError
from deploy.stack.paths import COMPOSE_FILE, POSTGRES_CONFIG, RABBITMQ_HOME, ROOT
from deploy.stack.profiles import LIVE, superuser_url, urls_of
from deploy.stack.progress import progress
from deploy.stack.record import CONTAINER, Record
from deploy.supervision import readiness

RABBITMQ, POSTGRES = "rabbitmq", "postgres"
INNER_PORTS = {RABBITMQ: ("amqp", 5672), POSTGRES: ("postgres", 5432)}
ENGINES = ("docker", "podman")
ANSWER_SECONDS_MAX = 10
IMAGES_SECONDS_MAX = 900  # the first start downloads the images
START_SECONDS_MAX = 90


def engine() -> str | None:
    """Returns the first engine that answers and supports compose."""
    return next((name for name in ENGINES if _says_yes(name, "info") and _says_yes(name, "compose", "version")), None)


def start(record: Record, servers: tuple[str, ...] = (RABBITMQ, POSTGRES)) -> None:
    if running(record, servers):
        return
    stack_folder.ensure()
    # The broker in the container is another user. The users of this machine cannot enter the folder of these files.
    broker_files.render(record, "0.0.0.0:5672", "/etc/rabbitmq/definitions.json", mode=0o644)
    with progress(f"Starting {' and '.join(servers)} in containers"):
        _compose(record, "up", "--detach", *servers)
        for name in servers:
            key, inner = INNER_PORTS[name]
            record.ports[key] = int(_compose(record, "port", name, str(inner)).strip().rpartition(":")[2])
        record.kind = CONTAINER
        record.save()
        for name in servers:
            readiness.wait_until(partial(_answers, record, name), name, START_SECONDS_MAX)


def running(record: Record, servers: tuple[str, ...] = (RABBITMQ, POSTGRES)) -> bool:
    return all(INNER_PORTS[name][0] in record.ports and _answers(record, name) for name in servers)


def stop(record: Record, with_data: bool = False) -> None:
    """Stops the containers. The data stay in the engine's volumes unless `with_data`."""
    _compose(record, "down", *(["--volumes"] if with_data else []))


def _answers(record: Record, name: str) -> bool:
    if name == RABBITMQ:
        return readiness.amqp_answers(urls_of(record, LIVE).amqp)
    return answers(superuser_url(record))


def _compose(record: Record, *arguments: str) -> str:
    name = engine()
    if not name:
        raise StackError("the container engine that runs this stack's servers does not answer: start it again")
    project = f"daytrade-{hashlib.sha256(os.fsencode(ROOT)).hexdigest()[:12]}"
    environment = os.environ | {
        "STACK_RABBITMQ": str(RABBITMQ_HOME),
        "STACK_POSTGRES_CONFIG": str(POSTGRES_CONFIG),
        "STACK_SUPERUSER_PASSWORD": record.superuser_password,
    }
    try:
        done = subprocess.run(
            [name, "compose", "--file", str(COMPOSE_FILE), "--project-name", project, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=IMAGES_SECONDS_MAX,
        )
    except subprocess.TimeoutExpired as error:
        raise StackError(f"{name} compose {arguments[0]} took longer than {IMAGES_SECONDS_MAX} s") from error
    if done.returncode:
        raise StackError(f"{name} compose {arguments[0]} failed: {' '.join(done.stderr.split())[-300:]}")
    return done.stdout


def _says_yes(*command: str) -> bool:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=ANSWER_SECONDS_MAX)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
