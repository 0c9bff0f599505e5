"""Limit on open files of a process of the site, and how many connections it allows."""

import resource

from schema.errors import SettingsError


def connections_possible(wanted: int, spare: int) -> int:
    """Number of connections for which this process may open files, at most `wanted`; raises the limit for them.

    `spare` files remain for other uses. Without such a bound, connections that clients keep open take the files that
    requests need. Raises SettingsError.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = wanted + spare if most == resource.RLIM_INFINITY else min(most, wanted + spare)
    if files <= spare:
        raise SettingsError(
            f"only {files} files may be open, too few for any page: raise the limit (ulimit -n {wanted + spare})"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, most))
    return files - spare
