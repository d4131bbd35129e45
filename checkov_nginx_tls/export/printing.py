"""Documents as text."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from checkov_nginx_tls.export.values import Json

SCHEMA: Final = os.path.join(os.path.dirname(__file__), "schema.json")
"""The file with the JSON Schema of a document."""


def dump(found: Sequence[Json], form: str) -> Iterator[str]:
    """Documents as text, in pieces: an array ("json"), one a line ("ndjson") or YAML documents ("yaml")."""
    if form == "json":
        yield json.dumps(found, indent=2) + "\n"
    elif form == "ndjson":
        yield from (json.dumps(document) + "\n" for document in found)
    else:
        yield from _yaml(found)


def _yaml(found: Iterable[Json]) -> Iterator[str]:
    import yaml

    class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]  # the fast one, if it was built
        def ignore_aliases(self, _data: object) -> bool:
            return True

    # PyYAML leaves texts such as 12e5, 0o14 and y bare, which are numbers and booleans to Go's YAML, as in Conftest.
    Dumper.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))
    for document in found:
        yield yaml.dump(document, Dumper=Dumper, sort_keys=False, explicit_start=True, width=2**20)
