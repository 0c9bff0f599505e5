"""Check of the licences of all installed packages. `make licences` runs it; it reads the packages' own metadata.

The licences in ALLOWED were read and judged. Every other licence, and a package that names none, is refused until a
person has judged it. That keeps out strong copyleft (GPL, AGPL), which would bind this project's own code.
"""

import re
import sys
from importlib import metadata

from runtime import entry_point

NOTICE = "asks only to keep its authors' notice"
OWN_FILES = "binds changes of its own files only, and this project changes none"
LIBRARY = (
    "binds changes of the library only: this project imports it unchanged, and anybody may install another version"
)

ALLOWED = {
    **dict.fromkeys(("MIT", "MIT License", "MIT-0", "ISC License (ISCL)", "PSF-2.0"), NOTICE),
    **dict.fromkeys(("BSD-2-Clause", "BSD-3-Clause", "BSD License"), NOTICE),
    **dict.fromkeys(("Apache-2.0", "Apache Software License"), NOTICE),
    "Zope Public License": "is a BSD licence without advertising, and names its trademarks",
    **dict.fromkeys(("MPL-2.0", "Mozilla Public License 2.0 (MPL 2.0)"), OWN_FILES),
    "LGPL-3.0-only": LIBRARY,
}
"""Allowed licences as packages name them, each with the reason."""

JUDGED = {
    "supervisor": "its text, the Repoze Public License, is a BSD licence; changed files must say that they were changed"
}
"""Packages whose metadata name no known licence but whose licence text was read, each with the reason."""

APPROVED = "License :: OSI Approved :: "


def licence_names(package: metadata.PackageMetadata) -> list[str]:
    """Returns the names of the licences that a package states, by its most exact statement; [] if it states none."""
    if "License-Expression" in package:
        parts = re.split(r"\bAND\b|\bOR\b|\bWITH\b|[()]", package["License-Expression"])
        return [part.strip() for part in parts if part.strip()]
    classifiers = [text for text in package.get_all("Classifier", []) if text.startswith(APPROVED)]
    if classifiers:
        return [text.removeprefix(APPROVED) for text in classifiers]
    return package["License"].strip().splitlines()[:1] if "License" in package else []


def objection(name: str, licences: list[str]) -> str:
    """Returns why a package may not be used, or "". Every part of an expression must be allowed, for simplicity."""
    if name in JUDGED:
        return ""
    if not licences:
        return f"{name} names no licence"
    refused = [licence for licence in licences if licence not in ALLOWED]
    return f"{name} has a licence that is not allowed: {', '.join(refused)}" if refused else ""


def main() -> int:
    """Lists each package with its licences. Returns 1 if there is an objection to one."""
    packages = {one.name: (one.version, licence_names(one.metadata)) for one in metadata.distributions()}
    for name, (version, licences) in sorted(packages.items(), key=lambda item: item[0].lower()):
        print(f"{name} {version}: {' / '.join(licences) or JUDGED.get(name, 'none')}")
    objections = [text for name, (_, licences) in packages.items() if (text := objection(name, licences))]
    for text in objections:
        print(
            f"error: {text}. Use another package, or judge its licence and add it to {__spec__.origin}",
            file=sys.stderr,
        )
    return 1 if objections else 0


if __name__ == "__main__":
    entry_point.run("error", main)
