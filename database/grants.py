"""The step after a migration that makes the grants of the roles exactly those of `schema/grants.py`.

Roles that do not exist get none: on a given server nobody may have created them, and then every process works with the
owner's address.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, text

from database import roles
from schema.grants import GRANTS, DatabaseRole


@dataclass(frozen=True, order=True)
class Grant:
    """One privilege of one role on a table, view or sequence. `column`: the only column it is for, or empty."""

    object: str
    role: str
    privilege: str
    column: str = ""


def listed() -> set[Grant]:
    """Every grant of `schema/grants.py`."""
    return {
        Grant(name, roles.name_of(role), *_split(privilege))
        for name, by_role in GRANTS.items()
        for role, privileges in by_role.items()
        for privilege in privileges
    }


def held(connection: Connection) -> set[Grant]:
    """Every grant that the roles have in the current schema."""
    rows = connection.execute(text(_HELD), {"roles": [roles.name_of(role) for role in DatabaseRole]})
    return {Grant(*row) for row in rows}


def apply(connection: Connection) -> None:
    """Gives the roles that exist exactly the listed grants, and closes the database to all other roles.

    The caller owns the tables. Grants that are right already are not touched.
    """
    found = connection.execute(text(_EXISTING), {"roles": [roles.name_of(role) for role in DatabaseRole]})
    existing = set(found.scalars())
    if not existing:
        return
    wanted = {grant for grant in listed() if grant.role in existing}
    there = held(connection)
    for change, grants in (("REVOKE", there - wanted), ("GRANT", wanted - there)):
        for statement in _statements(change, grants):
            connection.execute(text(statement))
    if connection.execute(text(_OPEN)).scalar_one():
        database = connection.execute(text("SELECT quote_ident(current_database())")).scalar_one()
        connection.execute(text(f"REVOKE ALL ON DATABASE {database} FROM PUBLIC"))
        connection.execute(text(f"GRANT CONNECT ON DATABASE {database} TO {', '.join(sorted(existing))}"))


def _split(privilege: str) -> tuple[str, str]:
    found = re.fullmatch(r"([A-Z]+)(?:\((\w+)\))?", privilege)
    assert found is not None, privilege
    return found[1], found[2] or ""


def _statements(change: str, grants: Iterable[Grant]) -> list[str]:
    """One GRANT or REVOKE for each pair of object and role."""
    together = defaultdict(list)
    for grant in sorted(grants):
        column = f" ({grant.column})" if grant.column else ""
        together[grant.object, grant.role].append(f"{grant.privilege}{column}")
    to = "TO" if change == "GRANT" else "FROM"
    return [
        f"{change} {', '.join(privileges)} ON {'SEQUENCE ' if 'USAGE' in privileges else ''}{name} {to} {role}"
        for (name, role), privileges in together.items()
    ]


_EXISTING = "SELECT rolname FROM pg_roles WHERE rolname = ANY(:roles)"

_HELD = """
    WITH objects AS (SELECT oid, relname, relacl FROM pg_class WHERE relnamespace = current_schema()::regnamespace),
    entries AS (
        SELECT relname, acl.*, '' AS attname FROM objects, aclexplode(relacl) AS acl
        UNION ALL
        SELECT relname, acl.*, attname FROM objects JOIN pg_attribute ON attrelid = oid, aclexplode(attacl) AS acl)
    SELECT relname, rolname, privilege_type, attname FROM entries JOIN pg_roles ON pg_roles.oid = grantee
    WHERE rolname = ANY(:roles)"""

# Whether any role may connect, as in every new database, and the current role may change that.
_OPEN = """
    SELECT EXISTS (
        SELECT FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) AS acl
        WHERE datname = current_database() AND acl.grantee = 0 AND pg_has_role(datdba, 'USAGE'))"""
