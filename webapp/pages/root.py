"""The blueprint that every page hangs on. Only that, so that views can import it without importing each other."""

from flask import Blueprint

pages = Blueprint("pages", __name__)
