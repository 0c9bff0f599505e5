"""The blueprint of all pages, with their rate limit. It holds no view, so that views need not import each other."""

from flask import Blueprint

from webapp.accounts import client, clients_rate
from webapp.limits import CALLS, limiter

pages = Blueprint("pages", __name__)
limiter.shared_limit(clients_rate, scope=CALLS, key_func=client)(pages)
