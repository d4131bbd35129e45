"""Dumps by ``nginx -T``: the files of a whole configuration, one after the other."""

from __future__ import annotations

import re
from typing import Final

from checkov_nginx_tls.embedded.regions import Region, absolute

_HEADING: Final = re.compile(r"(?m)^# configuration file ([^\n]+):\r?$")
_STATEMENT: Final = re.compile(r"(?m)[;{}][ \t\r]*$")


def dumped_files(text: str) -> list[Region]:
    """The files of a dump; none where nginx configuration stands in front of the first heading."""
    if "# configuration file " not in text:
        return []
    headings = list(_HEADING.finditer(text))
    if not headings or _STATEMENT.search(text, 0, headings[0].start()) is not None:
        return []
    regions = []
    for heading, end in zip(headings, [*(heading.start() for heading in headings[1:]), len(text)]):
        start = min(heading.end() + 1, end)
        path = heading[1]
        regions.append(Region(start, end, text[start:end], {}, path, absolute(path), ""))
    return regions
