"""Dumps by ``nginx -T``: the files of a whole configuration, one after the other."""

from __future__ import annotations

import re
from typing import Final

from checkov_nginx_tls.embedded.regions import Region, absolute
from checkov_nginx_tls.signatures import shows_connections, shows_includes, shows_main, starts_like_nginx

_HEADING: Final = re.compile(r"(?m)^# configuration file ([^\n]+):\r?$")


def dumped_files(text: str) -> list[Region]:
    """The files of a dump; none where nginx configuration stands in front of the first heading.

    What nginx says of its test may stand there, and the command that somebody typed.
    """
    if "# configuration file " not in text:
        return []
    headings = list(_HEADING.finditer(text))
    if not headings or _is_configuration(text[: headings[0].start()]):
        return []
    regions = []
    for heading, end in zip(headings, [*(heading.start() for heading in headings[1:]), len(text)]):
        start = min(heading.end() + 1, end)
        path = heading[1]
        regions.append(Region(start, end, text[start:end], {}, path, absolute(path), ""))
    return regions


def _is_configuration(text: str) -> bool:
    data = text.encode("utf-8", "surrogatepass")
    return any(shows(data) for shows in (starts_like_nginx, shows_main, shows_connections, shows_includes))
