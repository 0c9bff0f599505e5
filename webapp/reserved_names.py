"""Names that nobody can sign up for, because they read like the site's own staff. Operators can still give them."""

import re

NAMES = frozenset(
    (
        *("admin", "admins", "administrator", "administrators", "sysadmin", "superuser", "root", "sudo", "owner"),
        *("operator", "operators", "operations", "ops", "moderator", "staff", "team", "system", "service", "daemon"),
        *("support", "help", "helpdesk", "info", "contact", "security", "abuse", "postmaster", "hostmaster"),
        *("webmaster", "noreply", "official", "billing", "payments", "compliance", "audit", "auditor"),
        *("daytrade", "daytrading", "daytradectl", "daytrader", "demo", "everybody", "all", "anonymous", "nobody"),
        *("null", "none", "undefined", "api", "www", "web"),
    )
)
"""Reserved names in lower case, without punctuation."""


def is_reserved(user_id: str) -> bool:
    """Whether the name is reserved. Case and punctuation make no difference: `Day-Trade` and `admin_` are reserved."""
    return re.sub("[^a-z0-9]", "", user_id.lower()) in NAMES
