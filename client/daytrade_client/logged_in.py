"""The address and token that `daytrade login` keeps, in a file that only its owner may read."""

import os
from pathlib import Path

import msgspec

from daytrade_client.exchange import Place
from daytrade_client.refusals import NotLoggedIn

ADVICE = "not logged in: run `daytrade login`, or set DAYTRADE_URL and DAYTRADE_TOKEN"


def file() -> Path:
    """File of the login: in DAYTRADE_CONFIG, or in the user's folder of settings."""
    folder = os.environ.get("DAYTRADE_CONFIG") or os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(folder) / "daytrade" / "login.json"


def place_of(url: str = "", token: str = "") -> Place:
    """The place given, else that of the environment, else that of the login. Raises NotLoggedIn."""
    if url:
        return Place(url, token)
    if "DAYTRADE_URL" in os.environ:
        return Place(os.environ["DAYTRADE_URL"], token or os.environ.get("DAYTRADE_TOKEN", ""))
    try:
        return msgspec.json.decode(file().read_bytes(), type=Place)
    except (OSError, msgspec.MsgspecError) as error:
        raise NotLoggedIn(ADVICE) from error


def keep(place: Place) -> Path:
    """Keeps a login in place of the one before."""
    path = file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(msgspec.json.encode(place))
    draft.replace(path)
    return path
