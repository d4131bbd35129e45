"""The objects of a scan, and how to find the one that another refers to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Callable, Final, Generic, TypeVar, cast

from checkov_nginx_tls.kubernetes.values import at, mapping, sequence, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_T = TypeVar("_T")

_CANDIDATES: Final = 20
"""Objects of one name, equally near, that are looked at."""

_ANY_NAMESPACE: Final = "*"
_LEVELS: Final = 40
"""Directories above a file in which objects are looked for."""


@dataclass(frozen=True, eq=False)
class KubernetesObject:
    """An object as its author wrote it; ``path`` is the file it stands in.

    ``namespace`` is empty where the object has none: then it goes wherever it is applied to.
    """

    kind: str
    group: str
    namespace: str
    name: str
    content: Mapping[str, Any]
    path: str

    @property
    def title(self) -> str:
        """What messages call it."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    @property
    def spec(self) -> Mapping[str, Any]:
        """Its specification."""
        return mapping(self.content.get("spec"))

    @cached_property
    def annotations(self) -> Mapping[str, Any]:
        """Its annotations; Checkov makes a list of the mapping."""
        written = sequence(at(self.content, "metadata", "annotations"))
        return {name: value for part in written for name, value in mapping(part).items()}

    @property
    def labels(self) -> Mapping[str, Any]:
        """Its labels."""
        return mapping(at(self.content, "metadata", "labels"))

    def extent(self, lines: Sequence[tuple[int, str]]) -> tuple[int, int]:
        """Its first and last line among those of its file, without blank lines and comments behind it."""
        first, last = (self.content.get(key) for key in ("__startline__", "__endline__"))
        first = first if isinstance(first, int) and first > 0 else 1
        last = min(last if isinstance(last, int) else first, len(lines))
        while last > first and lines[last - 1][1].strip()[:1] in ("", "#"):
            last -= 1
        return first, last


def object_of(content: object, path: str) -> KubernetesObject | None:
    """The object that a document holds, None if it holds none."""
    kind = text(at(content, "kind"))
    if not kind:
        return None
    group, slash, _ = text(at(content, "apiVersion")).rpartition("/")
    return KubernetesObject(
        kind=kind,
        group=group if slash else "",
        namespace=text(at(content, "metadata", "namespace")),
        name=text(at(content, "metadata", "name")),
        content=mapping(content),
        path=path,
    )


class References(Generic[_T]):
    """Values by what refers to them: a name, a namespace, and the file of the one that refers.

    A repository may hold several objects of one name: variants for several clusters, examples, a base and its
    overlays. The nearest are meant, those of the same file before those of the same directory, and so on upwards.
    Where the object or what refers to it has no namespace, both may be applied to the same one.
    """

    def __init__(self, named: Iterable[tuple[str, KubernetesObject, _T]]) -> None:
        """Take each value with its name and the object whose namespace and file are its own."""
        self._found: dict[tuple[str, str, str], list[_T]] = {}
        for name, one, value in named:
            self._add(name, one.namespace, one.path, value)

    def _add(self, name: str, namespace: str, path: str, value: _T) -> None:
        for space in {namespace, _ANY_NAMESPACE}:
            for place in _places(path):
                found = self._found.setdefault((name, space, place), [])
                if len(found) < _CANDIDATES:
                    found.append(value)

    def find(self, name: str, namespace: str, path: str) -> tuple[_T, ...]:
        """The values that may be meant by a name in a namespace, "" if that is not known."""
        spaces = (namespace, "") if namespace else (_ANY_NAMESPACE,)
        for space in spaces:
            for place in _places(path):
                found = self._found.get((name, space, place))
                if found:
                    return tuple(found)
        return ()


class Objects:
    """All objects of a scan."""

    def __init__(self, objects: Iterable[KubernetesObject]) -> None:
        self._by_kind: dict[str, list[KubernetesObject]] = {}
        for one in sorted(objects, key=lambda one: one.path):  # Checkov lists files as the file system does
            self._by_kind.setdefault(one.kind, []).append(one)
        self._references: dict[str, References[KubernetesObject]] = {}
        self._derived: dict[Callable[[Objects], Any], Any] = {}

    def of_kind(self, kind: str) -> tuple[KubernetesObject, ...]:
        """The objects of a kind, in the order of their files."""
        return tuple(self._by_kind.get(kind, ()))

    def named(self, kind: str, name: str, namespace: str, path: str) -> tuple[KubernetesObject, ...]:
        """The objects of a kind that the file at ``path`` may mean by a name; see References."""
        if kind not in self._references:
            self._references[kind] = References((one.name, one, one) for one in self.of_kind(kind))
        return self._references[kind].find(name, namespace, path)

    def derived(self, derive: Callable[[Objects], _T]) -> _T:
        """What a function makes of all objects, made once."""
        if derive not in self._derived:
            self._derived[derive] = derive(self)
        return cast("_T", self._derived[derive])


def _places(path: str) -> Iterator[str]:
    """A file, and the directories around it."""
    for _ in range(_LEVELS):
        yield path
        parent = os.path.dirname(path)
        if parent == path:
            return
        path = parent
    yield ""
