"""Scripts, styles and icons at addresses that change with their content, so browsers may cache them without limit.

The version is part of the path, not of a query, so that the relative addresses in scripts and styles carry it too. All
files share one version, because they are written for each other.
"""

from hashlib import blake2b
from pathlib import Path

from flask import Flask, Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

FOLDER = Path(__file__).parent / "static"

VERSION_BYTES = 8

KEPT_SECONDS = 31_536_000


def static_url_path(folder: Path = FOLDER) -> str:
    """Path at which the files of this folder are served: /static/ and a digest of all their names and contents."""
    digest = blake2b(digest_size=VERSION_BYTES)
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(folder).as_posix()}\0{len(content)}\0".encode() + content)
    return f"/static/{digest.hexdigest()}"


def serve(app: Flask) -> None:
    """Lets browsers cache the files, and redirects addresses from before an upgrade to the current files."""
    app.after_request(_keep)
    app.add_url_rule("/static/<version>/<path:filename>", "static_of_another_version", _of_another_version)


def _keep(response: Response) -> Response:
    if request.endpoint == "static" and response.status_code in (200, 206, 304):
        # Otherwise browsers would ask for the files each time.
        response.cache_control.no_cache = None
        response.cache_control.public = True
        response.cache_control.max_age = KEPT_SECONDS
        response.cache_control.immutable = True
    return response


def _of_another_version(version: str, filename: str) -> ResponseReturnValue:
    return redirect(url_for("static", filename=filename))
