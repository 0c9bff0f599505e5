"""Objects that one web process shares among its requests: settings, database, gateway. Wiring only, no behaviour."""

from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from flask import current_app

from webapp.gateway import Gateway
from webapp.ids import CommandIds
from webapp.settings import WebSettings
from webapp.store import Store
from webapp.turns import ClientTurns
from webapp.waiting import WaitingPlaces

EXTENSION = "daytrade"


@dataclass(frozen=True, slots=True)
class Site:
    settings: WebSettings
    store: Store
    gateway: Gateway
    ids: CommandIds
    waiting: WaitingPlaces
    turns: ClientTurns = field(default_factory=ClientTurns)
    cache: dict[str, Any] = field(default_factory=dict)
    """Results of reads over the whole system, cached briefly so that the next request costs nothing. Any, because each
    read knows the type of its own result, which this module must not import."""
    cache_lock: Lock = field(default_factory=Lock)


def site() -> Site:
    """The site of the current application."""
    here: Site = current_app.extensions[EXTENSION]
    return here
