"""Configurations whose verdict nginx and the scanner must agree on, for every family.

`Case.expected` names the checks (01, 02 and 03, without the common prefix) that must fail. Data reaches the
impostor, or the wrong name, if and only if 01 or 03 is among them; nginx refuses to start for want of a bundle
if and only if 02 is.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nginx_oracle import Request
from oracle_families import HTTP_FAMILIES, HTTP_PROXY, STREAM, Family

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_BUNDLE = "@ssl_trusted_certificate <root.pem>;"
_ON = f"@ssl_verify on; {_BUNDLE}"
_OFF = "@ssl_verify off;"
_PASS = "@pass @tls://backend.test;"
_PLAIN = "@pass @plain://backend.test;"


@dataclass(frozen=True)
class Case:
    """One configuration and its verdict."""

    name: str
    config: str
    """The template of the main file, nginx.conf."""
    expected: tuple[frozenset[str], ...]
    """For each finding the checks that may speak for it: mostly one, two where a later check takes over."""
    files: Mapping[str, str] = field(default_factory=dict)
    requests: tuple[Request, ...] = (Request(),)

    @property
    def unverified(self) -> bool:
        """Data reaches somebody it should not."""
        return any(group & {"01", "03"} for group in self.expected)

    @property
    def lacks_bundle(self) -> bool:
        """nginx does not start."""
        return frozenset({"02"}) in self.expected


@dataclass(frozen=True)
class _Draft:
    """A case of several families before it is written in the words of one."""

    name: str
    inside: str
    expected: str
    """Checks, separated by spaces; ``03/04`` where either may speak."""
    files: Mapping[str, str] = field(default_factory=dict)
    paths: tuple[str, ...] = ("/",)

    def write(self, family: Family) -> Case:
        return Case(
            name=f"{family.name}: {self.name}",
            config=family.document(self.inside),
            expected=tuple(frozenset(group.split("/")) for group in self.expected.split()),
            files={path: family.write(text) for path, text in self.files.items()},
            requests=tuple(Request(path) for path in self.paths),
        )


def _server(inside: str) -> str:
    return f"server {{ listen <listen>; {inside} }}"


def _location(inside: str, path: str = "/") -> str:
    return f"location {path} {{ {inside} }}"


def _in_location(name: str, inside: str, expected: str) -> _Draft:
    return _Draft(name, _server(_location(inside)), expected)


def _in_if(name: str, around: str, inside: str, expected: str) -> _Draft:
    block = f"{around} if ($arg_x) {{ {inside} }}"
    return _Draft(f"in an if: {name}", _server(_location(block)), expected, paths=("/?x=1",))


def _in_limit_except(name: str, around: str, inside: str, expected: str) -> _Draft:
    block = f"{around} limit_except POST {{ {inside} }}"
    return _Draft(f"in limit_except: {name}", _server(_location(block)), expected)


def _in_stream_server(name: str, inside: str, expected: str, around: str = "") -> _Draft:
    return _Draft(name, around + _server(inside + _STREAM_PASS), expected)


def _in_stream(name: str, inside: str, expected: str, **files: str) -> _Draft:
    return _Draft(name, inside, expected, files)


_SET_NAME = "set $name backend.test;"
_SNIPPET = {"snippets/tls.conf": _ON + "\n"}
_TLS_THEN_PLAIN = _location(_PASS + "@other_plain")
_PLAIN_THEN_TLS = _location("@other_plain" + _PASS)
_STREAM_TLS = "proxy_ssl on;"
_STREAM_PASS = "@pass backend.test;"
_SECOND_SERVER = f"server {{ listen <listen2>; {_STREAM_TLS} {_STREAM_PASS}"

_LOCATIONS: tuple[_Draft, ...] = (
    _in_location("default", _PASS, "03"),
    _in_location("explicit off", f"{_OFF} {_PASS}", "01"),
    _in_location("on with bundle", f"{_ON} {_PASS}", ""),
    _in_location("on without bundle", f"@ssl_verify on; {_PASS}", "02"),
    _in_location("bundle alone", f"{_BUNDLE} {_PASS}", "03"),
    _in_location("off with bundle", f"{_OFF} {_BUNDLE} {_PASS}", "01"),
    _in_location("name and SNI alone", f"@ssl_name backend.test; @ssl_server_name on; {_PASS}", "03"),
    _in_location("depth alone", f"@ssl_verify_depth 3; {_PASS}", "03"),
    _in_location("depth nought verifies", f"@ssl_verify_depth 0; {_ON} {_PASS}", ""),
    _in_location("empty bundle", f'@ssl_verify on; @ssl_trusted_certificate ""; {_PASS}', "02"),
    _in_location("empty bundle and off", f'@ssl_trusted_certificate ""; {_OFF} {_PASS}', "01"),
    _in_location("OFF", f"@ssl_verify OFF; {_PASS}", "01"),
    _in_location("oFf", f"@ssl_verify oFf; {_PASS}", "01"),
    _in_location("ON with bundle", f"@ssl_verify ON; {_BUNDLE} {_PASS}", ""),
    _in_location("On without bundle", f"@ssl_verify On; {_PASS}", "02"),
    _in_location("quoted off", "@ssl_verify \"off\"; '@pass' '@tls://backend.test';", "01"),
    _in_location("quoted on", f"'@ssl_verify' 'on'; \"@ssl_trusted_certificate\" \"<root.pem>\"; {_PASS}", ""),
    _in_location("quoted without bundle", f'"@ssl_verify" "on"; {_PASS}', "02"),
    _in_location("commented on", f"\n# {_ON}\n{_PASS}", "03"),
    _in_location("commented off", f"\n# {_OFF}\n{_ON} {_PASS}", ""),
    _in_location("commented bundle", f"@ssl_verify on; # {_BUNDLE}\n{_PASS}", "02"),
    _in_location("over several lines", f"@ssl_verify # off;\n on\n;{_BUNDLE}{_PASS}", ""),
    _in_location("upper-case scheme", "@pass @TLS://backend.test;", "03"),
    _in_location("upper-case scheme off", f"{_OFF} @pass @TLS://backend.test;", "01"),
    _in_location("upper-case scheme on", f"{_ON} @pass @TLS://backend.test;", ""),
    _in_location("upper-case scheme without bundle", "@ssl_verify on; @pass @TLS://backend.test;", "02"),
    _in_location("address", "@ssl_name backend.test; @pass @tls://<target>;", "03"),
    _in_location("address on", f"@ssl_name backend.test; {_ON} @pass @tls://<target>;", ""),
    _in_location("settings after the pass", f"{_PASS} {_BUNDLE} @ssl_verify on;", ""),
    _in_location("off after the pass", f"{_PASS} {_OFF}", "01"),
)
"""One location that says everything itself."""

_SCHEMES: tuple[_Draft, ...] = (
    _in_location("plain, on without bundle", f"@ssl_verify on; {_PLAIN}", ""),
    _in_location("plain", _PLAIN, ""),
    _in_location("plain, off", f"{_OFF} {_PLAIN}", ""),
    _in_location("plain with a variable", f"{_SET_NAME} @pass @plain://$name;", ""),
    _in_location(
        "plain with a variable, on without bundle", f"{_SET_NAME} @ssl_verify on; @pass @plain://$name;", "02"
    ),
    _in_location("plain with a variable, on", f"{_SET_NAME} {_ON} @pass @plain://$name;", ""),
    _in_location("TLS with a variable", f"{_SET_NAME} @pass @tls://$name;", "03"),
    _in_location("TLS with a variable, off", f"{_SET_NAME} {_OFF} @pass @tls://$name;", "01"),
    _in_location("TLS with a variable, on", f"{_SET_NAME} {_ON} @pass @tls://$name;", ""),
    _in_location("TLS with a variable, on without bundle", f"{_SET_NAME} @ssl_verify on; @pass @tls://$name;", "02"),
    _in_location("TLS with a variable in braces", f"{_SET_NAME} {_OFF} @pass @tls://${{name}};", "01"),
)
"""Plain and variable targets."""

_INHERITANCE: tuple[_Draft, ...] = (
    _Draft("off for the server", _server(_OFF + _location(_PASS)), "01"),
    _Draft("off for http", _OFF + _server(_location(_PASS)), "01"),
    _Draft("on for the server", _server(_ON + _location(_PASS)), ""),
    _Draft("on for http", _ON + _server(_location(_PASS)), ""),
    _Draft("on for http without bundle", "@ssl_verify on;" + _server(_location(_PASS)), "02"),
    _Draft("verify for http, bundle for the server", "@ssl_verify on;" + _server(_BUNDLE + _location(_PASS)), ""),
    _Draft("verify for http, bundle in the location", "@ssl_verify on;" + _server(_location(_BUNDLE + _PASS)), ""),
    _Draft("bundle for http, verify in the location", _BUNDLE + _server(_location("@ssl_verify on;" + _PASS)), ""),
    _Draft("bundle for http, off for the server", _BUNDLE + _server(_OFF + _location(_PASS)), "01"),
    _Draft("bundle for http alone", _BUNDLE + _server(_location(_PASS)), "03"),
    _Draft("http settings after the server", _server(_location(_PASS)) + _ON, ""),
    _Draft("http off after the server", _server(_location(_PASS)) + _OFF, "01"),
    _Draft("server settings after the location", _server(_location(_PASS) + _ON), ""),
    _Draft(
        "empty bundle masks the parent's",
        _ON + _server('@ssl_trusted_certificate "";' + _location(_PASS)),
        "02",
    ),
    _Draft(
        "empty bundle masked in turn",
        _ON + _server('@ssl_trusted_certificate "";' + _location(_BUNDLE + _PASS)),
        "",
    ),
    _Draft("off overridden", _OFF + _server(_location(_ON + _PASS)), ""),
    _Draft("off overridden without bundle", _OFF + _server(_location("@ssl_verify on;" + _PASS)), "02"),
    _Draft(
        "off overridden in one place only",
        _OFF + _server(_location(_ON + _PASS) + _location(_PASS, "/b")),
        "01",
        paths=("/", "/b"),
    ),
    _Draft("on, off, on again", _ON + _server(_OFF + _location("@ssl_verify on;" + _PASS)), ""),
    _Draft(
        "off in a nested location",
        "@ssl_verify on;" + _server(_BUNDLE + _location(_PASS + _location(_OFF + _PASS, "/a/"))),
        "01",
        paths=("/", "/a/"),
    ),
    _Draft(
        "nested location takes the outer location's settings",
        _OFF + _server(_location(_ON + _PASS + _location(_PASS, "/a/"))),
        "",
        paths=("/", "/a/"),
    ),
    _Draft(
        "nested location takes the outer location's off",
        _ON + _server(_location(_OFF + _location(_PASS, "/a/"))),
        "01",
        paths=("/a/",),
    ),
    _Draft(
        "three locations deep",
        _server(_location(_BUNDLE + _location("@ssl_verify on;" + _location(_PASS, "/a/b/"), "/a/"))),
        "",
        paths=("/a/b/",),
    ),
    _Draft(
        "nested location masks the bundle",
        _server(_location(_ON + _PASS + _location('@ssl_trusted_certificate "";' + _PASS, "/a/"))),
        "02",
    ),
    _Draft(
        "one of two locations",
        _server(_location(_ON + _PASS) + _location(_PASS, "/b")),
        "03",
        paths=("/", "/b"),
    ),
    _Draft(
        "one of two locations lacks the bundle",
        _server(_location(_ON + _PASS) + _location("@ssl_verify on;" + _PASS, "/b")),
        "02",
    ),
    _Draft(
        "off here, default there",
        _server(_location(_OFF + _PASS) + _location(_PASS, "/b")),
        "01 03",
        paths=("/", "/b"),
    ),
    _Draft(
        "off here, no bundle there",
        _server(_location(_OFF + _PASS) + _location("@ssl_verify on;" + _PASS, "/b")),
        "01 02",
    ),
    _Draft(
        "off where nothing is passed on",
        _ON + _server(_location(_PASS) + _location(_OFF + "return 204;", "/b")),
        "",
    ),
    _Draft(
        "off for a plain location",
        _ON + _server(_location(_PASS) + _location(_OFF + _PLAIN, "/b")),
        "",
        paths=("/", "/b"),
    ),
    _Draft(
        "empty bundle where nothing is passed on",
        _ON + _server(_location(_PASS) + _location('@ssl_trusted_certificate "";return 204;', "/b")),
        "",
    ),
    _Draft(
        "off for a server that passes nothing on",
        _ON + _server(_location(_PASS)) + "server { listen <listen>; server_name b.test; " + _OFF + " }",
        "",
    ),
    _Draft(
        "duplicate server is checked all the same",
        _server(_location(_ON + _PASS)) + _server(_location("@ssl_verify on;" + _PASS)),
        "02",
    ),
)
"""Settings on several levels."""

_NAMED_LOCATIONS: tuple[_Draft, ...] = (
    _Draft(
        "unused named location without bundle",
        _server(_location(_ON + _PASS) + _location("@ssl_verify on;" + _PASS, "@n")),
        "02",
    ),
    _Draft(
        "error page judged by its own off",
        _server(_location(_ON + "error_page 418 = @n; return 418;") + _location(_OFF + _PASS, "@n")),
        "01",
    ),
    _Draft(
        "error page judged by its own on",
        _server(_location(_OFF + "error_page 418 = @n; return 418;") + _location(_ON + _PASS, "@n")),
        "",
    ),
    _Draft(
        "named location does not inherit from its caller",
        _server(_location(_ON + "error_page 418 = @n; return 418;") + _location(_PASS, "@n")),
        "03",
    ),
)
"""Locations that only nginx itself calls."""

_CONDITIONS: tuple[_Draft, ...] = (
    _in_if("default", "", _PASS, "03"),
    _in_if("off", _OFF, _PASS, "01"),
    _in_if("on", _ON, _PASS, ""),
    _in_if("on without bundle", "@ssl_verify on;", _PASS, "02"),
    _in_if("pass inherited, default", _PASS, "set $y 1;", "03"),
    _in_if("pass inherited, off", _OFF + _PASS, "set $y 1;", "01"),
    _in_if("pass inherited, on", _ON + _PASS, "set $y 1;", ""),
    _in_if("plain outside", _PLAIN, _PASS, "03"),
    _in_if("plain outside, on without bundle", "@ssl_verify on;" + _PLAIN, _PASS, "02"),
)
"""Blocks without a name."""

_INCLUDES: tuple[_Draft, ...] = (
    _Draft("included on", _server(_location("include snippets/tls.conf;" + _PASS)), "", _SNIPPET),
    _Draft("included on for http", "include snippets/*.conf;" + _server(_location(_PASS)), "", _SNIPPET),
    _Draft("include after the server", _server(_location(_PASS)) + "include snippets/tls.conf;", "", _SNIPPET),
    _Draft("included off", _server("include off;" + _location(_PASS)), "01", {"off": _OFF}),
    _Draft("included without bundle", _server("include v;" + _location(_PASS)), "02", {"v": "@ssl_verify on;"}),
    _Draft(
        "snippet in two blocks",
        _server(_location("include v;" + _BUNDLE + _PASS) + _location("include v;" + _PASS, "/b")),
        "02",
        {"v": "@ssl_verify on;"},
    ),
    _Draft(
        "off snippet in two servers",
        _server("include off;" + _location(_PASS))
        + "server { listen <listen>; server_name b.test; include off;"
        + _location(_PASS)
        + "}",
        "01",
        {"off": _OFF},
    ),
    _Draft(
        "server in an included file",
        "include conf.d/*.conf;\n" + _ON,
        "01",
        {"conf.d/a.conf": _server("include conf.d/off;" + _location(_PASS)), "conf.d/off": _OFF},
    ),
    _Draft("pattern without matches", _server(_location("include none/*.conf;" + _PASS)), "03"),
)
"""Settings from other files."""

_NEIGHBOURS: tuple[_Draft, ...] = (
    _Draft(
        "map entries are data",
        "map $host $m { @ssl_verify on; }" + _server(_location(_PASS)),
        "03",
    ),
    _Draft(
        "map entries are no off",
        "map $host $m { @ssl_verify off; }" + _ON + _server(_location(_PASS)),
        "",
    ),
    _Draft(
        "the listener's bundle is another",
        "ssl_trusted_certificate <root.pem>;" + _server(_location("@ssl_verify on;" + _PASS)),
        "02",
    ),
    _Draft("another module's on", "@other_ssl_verify on;" + _server(_location(_PASS)), "03/04"),
    _Draft("another module's off", _ON + "@other_ssl_verify off;" + _server(_location(_PASS)), ""),
    _Draft(
        "another module's bundle",
        "@other_ssl_trusted_certificate <root.pem>; @ssl_verify on;" + _server(_location(_PASS)),
        "02",
    ),
    _Draft("another module's plain pass is last", _server(_TLS_THEN_PLAIN), ""),
    _Draft("another module's plain pass is first", _server(_PLAIN_THEN_TLS), "03"),
    _Draft("another module's plain pass is last, off", _server(_OFF + _TLS_THEN_PLAIN), ""),
    _Draft("another module's plain pass is last, on", _server(_ON + _TLS_THEN_PLAIN), ""),
    _Draft(
        "another module's plain pass is last, on without bundle", _server("@ssl_verify on;" + _TLS_THEN_PLAIN), "02"
    ),
    _Draft("regular expression", _server(_location(_PASS, '~ "^/a{1}$"')), "03", paths=("/a",)),
    _Draft("exact location", _server(_location(_OFF + _PASS, "= /a")), "01", paths=("/a",)),
    _Draft("CRLF", _server(_location(_OFF + _PASS)).replace(" ", "\r\n"), "01"),
    _Draft("on and CRLF", _server(_location(_ON + _PASS)).replace(" ", "\r\n"), ""),
)
"""What stands nearby and does not count, and how it may be written."""

_HTTP_PROXY_ONLY: tuple[_Draft, ...] = (
    _in_limit_except("default", "", _PASS, "03"),
    _in_limit_except("off", _OFF, _PASS, "01"),
    _in_limit_except("on", _ON, _PASS, ""),
    _in_limit_except("on without bundle", "@ssl_verify on;", _PASS, "02"),
    _in_limit_except("pass inherited", _PASS, "allow all;", "03"),
    _Draft("path in the pass", _server(_location(_OFF + "@pass @tls://backend.test/x/;")), "01"),
    _Draft(
        "variable in the path, on without bundle",
        _server(_location("@ssl_verify on; @pass @plain://backend.test$request_uri;")),
        "02",
    ),
    _Draft(
        "variable in the path of a plain pass",
        _server(_location("@pass @plain://backend.test$request_uri;")),
        "",
    ),
)
"""What only ``proxy_pass`` in ``http`` can do."""

_STREAM: tuple[_Draft, ...] = (
    _in_stream_server("default", _STREAM_TLS, "03"),
    _in_stream_server("explicit off", _STREAM_TLS + _OFF, "01"),
    _in_stream_server("on with bundle", _STREAM_TLS + _ON, ""),
    _in_stream_server("on without bundle", _STREAM_TLS + "@ssl_verify on;", "02"),
    _in_stream_server("bundle alone", _STREAM_TLS + _BUNDLE, "03"),
    _in_stream_server("off with bundle", _STREAM_TLS + _OFF + _BUNDLE, "01"),
    _in_stream_server("name and SNI alone", _STREAM_TLS + "@ssl_name backend.test; @ssl_server_name on;", "03"),
    _in_stream_server("empty bundle", _STREAM_TLS + '@ssl_verify on; @ssl_trusted_certificate "";', "02"),
    _in_stream_server("OFF", _STREAM_TLS + "@ssl_verify OFF;", "01"),
    _in_stream_server("oN", _STREAM_TLS + "@ssl_verify oN;" + _BUNDLE, ""),
    _in_stream_server("quoted off", _STREAM_TLS + "@ssl_verify 'off';", "01"),
    _in_stream_server("quoted on", _STREAM_TLS + "'@ssl_verify' \"on\";" + _BUNDLE, ""),
    _in_stream_server("proxy_ssl ON", "proxy_ssl ON;", "03"),
    _in_stream_server("proxy_ssl quoted", "'proxy_ssl' \"on\";" + _OFF, "01"),
    _in_stream_server("no TLS", "", ""),
    _in_stream_server("TLS off", "proxy_ssl off;", ""),
    _in_stream_server("TLS off, off", "proxy_ssl off;" + _OFF, ""),
    _in_stream_server("TLS off, on without bundle", "proxy_ssl off; @ssl_verify on;", ""),
    _in_stream_server("no TLS, on without bundle", "@ssl_verify on;", ""),
    _in_stream_server("TLS for stream", "", "03", _STREAM_TLS),
    _in_stream_server("TLS for stream, off in the server", "proxy_ssl off;", "", _STREAM_TLS),
    _in_stream_server("TLS for stream, off", _OFF, "01", _STREAM_TLS),
    _in_stream_server("TLS for stream, on", _ON, "", _STREAM_TLS),
    _in_stream_server("TLS for stream, on without bundle", "@ssl_verify on;", "02", _STREAM_TLS),
    _in_stream_server("off for stream", _STREAM_TLS, "01", _OFF),
    _in_stream_server("on for stream", _STREAM_TLS, "", _ON),
    _in_stream_server("on for stream without bundle", _STREAM_TLS, "02", "@ssl_verify on;"),
    _in_stream_server("verify for stream, bundle in the server", _STREAM_TLS + _BUNDLE, "", "@ssl_verify on;"),
    _in_stream_server("bundle for stream, verify in the server", _STREAM_TLS + "@ssl_verify on;", "", _BUNDLE),
    _in_stream_server("bundle for stream, off in the server", _STREAM_TLS + _OFF, "01", _BUNDLE),
    _in_stream_server("off overridden", _STREAM_TLS + _ON, "", _OFF),
    _in_stream_server("off overridden without bundle", _STREAM_TLS + "@ssl_verify on;", "02", _OFF),
    _in_stream_server("empty bundle masks the parent's", _STREAM_TLS + '@ssl_trusted_certificate "";', "02", _ON),
    _in_stream_server("map entries are data", _STREAM_TLS, "03", "map $remote_addr $m { @ssl_verify on; }"),
    _in_stream("settings after the server", _server(_STREAM_TLS + _STREAM_PASS) + _ON, ""),
    _in_stream("off after the server", _server(_STREAM_TLS + _STREAM_PASS) + _OFF, "01"),
    _in_stream("settings after the pass", _server(_STREAM_PASS + _ON + _STREAM_TLS), ""),
    _in_stream("address", _server(_STREAM_TLS + "@pass <target>;"), "03"),
    _in_stream("address on", _server(_STREAM_TLS + "@ssl_name backend.test;" + _ON + "@pass <target>;"), ""),
    _in_stream("included on", _server("include on;" + _STREAM_PASS), "", on="proxy_ssl on;" + _ON),
    _in_stream("included off", "include off;" + _server(_STREAM_TLS + _STREAM_PASS), "01", off=_OFF),
    _in_stream("included TLS", "include tls;" + _server(_STREAM_PASS), "03", tls="proxy_ssl on;"),
    _in_stream("variable", _server(_STREAM_TLS + "set $name backend.test; @pass $name;"), "03"),
    _in_stream("variable, off", _server(_STREAM_TLS + _OFF + "set $name backend.test; @pass $name;"), "01"),
    _in_stream("variable, on", _server(_STREAM_TLS + _ON + "set $name backend.test; @pass $name;"), ""),
    _in_stream(
        "variable, on without bundle",
        _server(_STREAM_TLS + "@ssl_verify on; set $name backend.test; @pass $name;"),
        "02",
    ),
    _in_stream("one of two servers", _server(_STREAM_TLS + _ON + _STREAM_PASS) + _SECOND_SERVER + "}", "03"),
    _in_stream("one of two servers off", _server(_STREAM_TLS + _ON + _STREAM_PASS) + _SECOND_SERVER + _OFF + "}", "01"),
    _in_stream(
        "one of two servers lacks the bundle",
        _server(_STREAM_TLS + _STREAM_PASS + _ON) + _SECOND_SERVER + "@ssl_verify on; }",
        "02",
    ),
)
"""``proxy_pass`` in ``stream``."""

_HTTP = (*_LOCATIONS, *_SCHEMES, *_INHERITANCE, *_NAMED_LOCATIONS, *_CONDITIONS, *_INCLUDES, *_NEIGHBOURS)


def _stream_beside_http(name: str, http: str, stream: str, expected: str) -> Case:
    """A case of stream with settings of the same names in http."""
    group = "upstream backend.test { server <target>; }"
    plain = f"http {{ {http} {group} server {{ listen <listen2>; location / {{ proxy_pass http://backend.test; }} }} }}"
    draft = _in_stream_server(f"beside http: {name}", _STREAM_TLS + stream, expected)
    case = draft.write(STREAM)
    return dataclasses.replace(case, config=case.config + STREAM.write(plain) + "\n")


def _all_cases() -> Iterator[Case]:
    for family in HTTP_FAMILIES:
        yield from (draft.write(family) for draft in _HTTP)
    yield from (draft.write(HTTP_PROXY) for draft in _HTTP_PROXY_ONLY)
    yield from (_with_every_listener(draft.write(STREAM)) for draft in _STREAM)
    yield _stream_beside_http("http's on is not stream's", _ON, "", "03")
    yield _stream_beside_http("http's off is not stream's", _OFF, _ON, "")
    yield _stream_beside_http("http's bundle is not stream's", _BUNDLE, "@ssl_verify on;", "02")


def _with_every_listener(case: Case) -> Case:
    listeners = [name for name in ("listen", "listen2") if f"<{name}>" in case.config]
    return dataclasses.replace(case, requests=tuple(Request(listener=name) for name in listeners))


CASES: tuple[Case, ...] = tuple(_all_cases())
"""Every case; names are unique."""
