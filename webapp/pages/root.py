"""The blueprint of all pages. It holds nothing else, so that views can import it without importing each other."""

from flask import Blueprint

pages = Blueprint("pages", __name__)
