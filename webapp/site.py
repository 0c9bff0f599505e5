"""What one web process holds for all its requests: settings, database, gateway. Wiring only, no behaviour."""

from dataclasses import dataclass

from flask import current_app

from webapp.gateway import Gateway
from webapp.ids import CommandIds
from webapp.settings import WebSettings
from webapp.store import Store

EXTENSION = "daytrade"


@dataclass(frozen=True, slots=True)
class Site:
    settings: WebSettings
    store: Store
    gateway: Gateway
    ids: CommandIds


def site() -> Site:
    """Of the current application."""
    return current_app.extensions[EXTENSION]
