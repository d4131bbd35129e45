"""Places in files as reports name them: by lines and columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from checkov_nginx_tls.syntax import Directive, Source


class Region(NamedTuple):
    """A part of a file.

    Lines count from 1 and ``end_line`` is inclusive; columns count code points from 1 and ``end_column`` is exclusive.
    Whole lines have no columns.
    """

    start_line: int
    end_line: int
    start_column: int | None = None
    end_column: int | None = None

    @classmethod
    def of(cls, source: Source, start: int, end: int) -> Region:
        """The region between two offsets into the text of a source."""
        first, last = source.position(start), source.position(max(start, end - 1))
        return cls(first.line, last.line, first.column, last.column + (end > start))


class RelatedPlace(NamedTuple):
    """A place that has to do with a finding, and what it is to it.

    ``path`` is absolute, ``place`` is how messages name it ("conf.d/app.conf:12").
    """

    path: str
    region: Region
    place: str
    text: str

    @classmethod
    def of(cls, directive: Directive, text: str) -> RelatedPlace:
        """The place of a directive, without its block."""
        source = directive.source
        return cls(source.path, Region.of(source, directive.start, directive.head_end), directive.place, text)
