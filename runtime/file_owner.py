"""Names of the owners of files, and causes of refused access to files, for messages."""

import errno
import os
import pwd
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def name_of(uid: int) -> str:
    """Returns the user's name, or `#` and the number of a user without an account."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"


def cause_of(error: OSError, path: Path) -> str:
    """Describes why `path` could not be made or written; a folder of another user is named, with a remedy."""
    what = error.strerror or str(error)
    if error.errno not in (errno.EACCES, errno.EPERM):
        return what
    whole = Path(os.path.abspath(path))
    folder = next(above for above in (whole, *whole.parents) if os.path.isdir(above))
    owner, me = os.stat(folder).st_uid, os.geteuid()
    if owner == me:
        return f"{what}: check the permissions of {folder}"
    remedy = f", or run this once: sudo chown -R {name_of(me)}: {shlex.quote(str(folder))}"
    is_ours = folder.is_relative_to(ROOT) and os.stat(ROOT).st_uid == me
    return f"{what}: {folder} belongs to {name_of(owner)}; choose another place{remedy * is_ours}"
