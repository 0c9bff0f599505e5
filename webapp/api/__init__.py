"""The JSON API under /api/v1: views that translate between HTTP and `webapp.commands` or `webapp.reads`.

Requests and answers are msgspec structs, from which the OpenAPI document is generated. No SQL and no broker in here.
"""

from webapp.api import commands, lists, openapi, people, problems, state
from webapp.api.blueprint import blueprint

__all__ = ["blueprint", "commands", "lists", "openapi", "people", "problems", "state"]

blueprint.register_error_handler(problems.ProblemError, problems.of_error)
