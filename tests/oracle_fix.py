"""What ``fix`` makes of the oracle's templates: mended as the scanner sees them, and templates again afterwards."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from checkov_nginx_tls.analysis import analyse
from checkov_nginx_tls.fixes import MENDED, Trust
from checkov_nginx_tls.fixes.mending import Mending, mend
from nginx_oracle import listener_names
from oracle_generator import Case, Setting, Source
from oracle_random import connections_in, in_order
from oracle_scan import CHECK_PREFIX, failing_ids, scanned_addresses, write_for_scanner

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from checkov_nginx_tls.analysis import Analysis
    from checkov_nginx_tls.upstreams import Connection
    from nginx_oracle import Oracle, Text
    from oracle_generator import Level

MENDED_IDS = frozenset(check_id[len(CHECK_PREFIX) :] for check_id in MENDED)


@dataclass(frozen=True)
class Mended:
    """A configuration after ``fix``: templates of the main file and of those it includes.

    ``refused`` are the checks of which a finding was refused, ``left`` those that fail afterwards, ``again`` says that
    a second run would change something.
    """

    template: str
    files: Mapping[str, str]
    mending: Mending
    refused: frozenset[str]
    left: frozenset[str]
    again: bool


def mended(oracle: Oracle, template: Text, files: Mapping[str, Text] = {}, *, loopback: bool = False) -> Mended:
    """Mend a template with ``root.pem`` for the CA of all upstreams."""
    ca = str(oracle.certificates.file("root.pem"))
    with tempfile.TemporaryDirectory(prefix="oracle-fix-") as name:
        directory = Path(name).resolve()
        write_for_scanner(directory, oracle, template, files, loopback=loopback)

        def scan(contents: Mapping[str, bytes]) -> Analysis:
            return analyse(str(directory), contents=contents)

        trust = Trust(ca=ca, system_ca=ca)
        mending = mend(scan, trust, lambda _check_id: True)
        for path, data in mending.after.items():
            Path(path).write_bytes(data)
        second = mend(scan, trust, lambda _check_id: True)
        left = failing_ids(scan({})) & MENDED_IDS
        back = _Placeholders(oracle, template, files, loopback=loopback)
        texts = {one: back.restored((directory / one).read_bytes()) for one in ("nginx.conf", *files)}
    refused = frozenset(refusal.outcome.check.id[len(CHECK_PREFIX) :] for refusal in mending.refusals)
    return Mended(texts.pop("nginx.conf"), texts, mending, refused, left, bool(second.after))


class _Placeholders:
    """Turns what the scanner saw into a template again."""

    def __init__(self, oracle: Oracle, template: Text, files: Mapping[str, Text], *, loopback: bool) -> None:
        addresses = scanned_addresses(oracle, template, files, loopback=loopback)
        texts: dict[str, str] = {}
        for name, (host, port) in addresses.upstreams.items():
            texts[f"{host}:{port}"] = f"<{name}>"
            texts[f"unix:{addresses.unix_paths[name]}"] = f"<{name}:unix>"
            if not loopback:
                texts[host] = f"<{name}:host>"
        for name in listener_names([template, *files.values()]):
            texts[addresses.value(name, "", "")] = f"<{name}>"
        self._texts = texts
        longest_first = sorted(texts, key=len, reverse=True)
        self._pattern = re.compile("|".join(rf"{re.escape(text)}(?!\d)" for text in longest_first))

    def restored(self, data: bytes) -> str:
        text = data.decode("utf-8", "surrogateescape")
        return self._pattern.sub(lambda match: self._texts[match[0]], text)


class MendedCase(Case):
    """A random case after ``fix``, for which nginx and the scanner can be asked as for any other.

    Its text is the mended one. Whom its passes are meant to admit follows from the settings that are in effect now; the
    blocks, the ways to them and the requests are those of the case, which is changed.
    """

    def __init__(self, case: Case, oracle: Oracle, result: Mended) -> None:
        super().__init__(case.http, case.stream)
        self._text = result.template, dict(result.files)
        names = {setting.source.text: setting.source for level in case.levels() for setting in _named(level)}
        with tempfile.TemporaryDirectory(prefix="oracle-fix-") as name:
            directory = Path(name).resolve()
            write_for_scanner(directory, oracle, *self._text)
            found = connections_in(directory)
        for level in case.levels():
            level.settings, level.snippets = [], []
        shared: dict[int, Setting] = {}
        for one, connection in zip(in_order(case), found):
            is_inner = one.level.kind in ("if", "limit_except")
            level = one.level.parent if is_inner and one.level.parent is not None else one.level
            for setting in _settings_of(connection, names, shared):
                if not any(own.name == setting.name for own in level.settings):
                    level.settings.append(setting)

    def render(self) -> tuple[str, dict[str, str]]:
        """The mended text."""
        return self._text


def _named(level: Level) -> Iterator[_Named]:
    included = (setting for snippet in level.snippets for setting in snippet.all_settings())
    for setting in (*level.settings, *included):
        if setting.source is not None:
            yield _Named(setting.source)


class _Named(NamedTuple):
    source: Source


def _settings_of(connection: Connection, names: Mapping[str, Source], shared: dict[int, Setting]) -> Iterator[Setting]:
    """The settings in effect for a connection, each directive as one object."""
    prefix = connection.module.ssl_prefix
    scope, given = connection.block.scope, connection.placed.conditions
    wanted = [f"{prefix}_{setting}" for setting in ("verify", "trusted_certificate", "name", "session_reuse")]
    for name in [*wanted, *([connection.module.tls_flag] if connection.module.tls_flag else [])]:
        placed = scope.effective(name, given)
        if placed is not None:
            value = placed.directive.args[0]
            if id(placed) not in shared:
                source = (
                    names.get(value, Source(value, frozenset({value.lower()}))) if name.endswith("_ssl_name") else None
                )
                shared[id(placed)] = Setting(name, _BUNDLES.get(Path(value).name, value.lower()), "", source)
            yield shared[id(placed)]
    commands = scope.effective_all(f"{prefix}_conf_command", given)
    if commands:
        value = " ".join(" ".join(placed.directive.args) for placed in commands)
        yield Setting(f"{prefix}_conf_command", value, "")


_BUNDLES = {"root.pem": "root", "root_and_impostor.pem": "both"}
