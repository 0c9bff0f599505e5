"""Names, passwords and addresses of the roles of processes. `database/grants.py` gives them their rights.

Only servers that this project starts have the roles from the beginning. On a given server the operator may create them.
Nothing here connects.
"""

import hashlib
import hmac

from database import libpq_urls
from schema import addresses
from schema.grants import DatabaseRole

OWNER = "daytrade"
"""Role that owns databases and tables on the servers that this project starts."""


def name_of(role: DatabaseRole) -> str:
    """The role's name in Postgres. Roles belong to the whole server, so each name begins with this project's."""
    return f"{OWNER}_{role}"


def password_of(role: DatabaseRole, owner_password: str) -> str:
    """The role's password on a server that this project starts.

    It is made from the owner's, which has 128 random bits, so there is no other secret to keep. Nobody can compute the
    owner's password, or another role's, from it.
    """
    return hmac.new(owner_password.encode(), name_of(role).encode(), hashlib.sha256).hexdigest()[:32]


def url_for(role: DatabaseRole, owner_url: str) -> str:
    """The URL of the same database for a role. On a given server, and for another login, it is the URL unchanged."""
    user, password = addresses.login_of(owner_url)
    if not libpq_urls.is_own_server(owner_url) or user != OWNER:
        return owner_url
    assert password, "the owner's address, with its password"
    return addresses.with_login(owner_url, name_of(role), password_of(role, password))
