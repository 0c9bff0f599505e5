"""The JSON API under /api/v1: calls that translate, from HTTP to `webapp.commands` and `webapp.reads` and back.

Requests and answers are msgspec structs; the OpenAPI document is made from the same ones. No SQL, no broker in here.
"""

from webapp.api import commands, lists, openapi, people, problems, state
from webapp.api.blueprint import blueprint

__all__ = ["blueprint", "commands", "lists", "openapi", "people", "problems", "state"]

blueprint.register_error_handler(problems.ProblemError, problems.of_error)
