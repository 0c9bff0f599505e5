"""The JSON API under /api/v1: views that translate between HTTP and `webapp.commands` or `webapp.reads`.

Requests and answers are msgspec structs, from which the OpenAPI document is generated. No SQL and no broker in here.
"""

from webapp.api import batches, closing, commands, lists, openapi, past, people, problems, reference, state, stream
from webapp.api.blueprint import blueprint

__all__ = [
    "batches", "blueprint", "closing", "commands", "lists", "openapi", "past", "people", "problems", "reference",
    "state", "stream",
]  # fmt: skip

blueprint.register_error_handler(problems.ProblemError, problems.of_error)
