"""Rules 09 to 11 against the real nginx: the name, the versions and the ciphers that it offers an upstream."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from checkov_nginx_tls.cipher_strings import evaluate
from checkov_nginx_tls.protocol_versions import OBSOLETE
from nginx_oracle import Oracle, Request
from oracle_families import FAMILIES, HTTP_PROXY, STREAM, Family
from oracle_hello import Hello, HelloListener, VersionServers, weak_suites
from oracle_scan import scan_ids, write_for_scanner

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.oracle

_ON = "@ssl_verify on; @ssl_trusted_certificate <root.pem>;"
_WEAKEST = "@ssl_ciphers DEFAULT@SECLEVEL=0;"  # many builds of OpenSSL 3 have TLSv1 and TLSv1.1 only here
_TLS13_BY_DEFAULT = (1, 23, 4)
_OLD_VERSIONS_OFF_BY_DEFAULT = (1, 27, 3)

_REQUEST = Request()

every_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: str(family.name))


@pytest.fixture(scope="module")
def listener() -> Iterator[HelloListener]:
    with HelloListener() as running:
        yield running


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, oracle: Oracle) -> Iterator[VersionServers]:
    identity = oracle.certificates.identities["trusted"]
    with VersionServers(identity.chain, identity.key) as running:
        yield running


def _config(family: Family, settings: str, target: str = "backend.test", around: str = "") -> str:
    """A main file with one TLS connection, under `settings`, inside `around`."""
    if family is STREAM:
        return family.document(f"{around} server {{ listen <listen>; proxy_ssl on; {settings} @pass {target}; }}")
    inside = f"location / {{ {settings} @pass @tls://{target}; }}"
    return family.document(f"{around} server {{ listen <listen>; {inside} }}")


def _hello(oracle: Oracle, listener: HelloListener, config: str, request: Request = _REQUEST) -> Hello | None:
    """What nginx offers the members of the group."""
    with oracle.start(config.replace("<target>", listener.address)) as run:
        run.request(request)
        return listener.next()


def _found(oracle: Oracle, config: str, directory: Path) -> frozenset[str]:
    write_for_scanner(directory, oracle, config)
    return scan_ids(directory) & {"09", "10", "11"}


# ------------------------------------------------------------------------------------------------------ 09


class Name(NamedTuple):
    """Settings of a verified connection, the name that is sent, and whether the scanner misses one."""

    settings: str
    sent: str | None
    missed: bool
    target: str = "backend.test"
    request: Request = _REQUEST


NAMES = (
    Name("", None, missed=True),
    Name("@ssl_server_name off;", None, missed=True),
    Name("@ssl_server_name on;", "backend.test", missed=False),
    Name("@ssl_server_name ON; @ssl_name other.test;", "other.test", missed=False),
    Name("@ssl_name other.test;", None, missed=True),
    Name("@ssl_server_name on; @ssl_name other.test:8443;", "other.test", missed=False),
    Name("@ssl_name other.test:8443;", None, missed=True),
    Name("@ssl_server_name on;", None, missed=False, target="<target>"),
    Name("", None, missed=False, target="<target>"),
    Name("@ssl_server_name on; @ssl_name 192.0.2.1;", None, missed=False),
    Name("@ssl_server_name on; @ssl_name [2001:db8::1];", None, missed=False),
    Name("@ssl_name [2001:db8::1];", None, missed=False),
    Name('@ssl_server_name on; @ssl_name "";', None, missed=False),
    Name('@ssl_name "";', None, missed=False),
    Name("@ssl_server_name on;", "backend.test", missed=False, target="BACKEND.test"),
)
"""With the target an address the name is one, which nginx never sends."""


@every_family
@pytest.mark.parametrize("case", NAMES)
def test_the_name_is_sent_only_when_asked_for(
    oracle: Oracle, listener: HelloListener, tmp_path: Path, family: Family, case: Name
) -> None:
    config = _config(family, _ON + case.settings, case.target)
    hello = _hello(oracle, listener, config, case.request)
    assert hello is not None
    assert (hello.server_name or "").lower() == (case.sent or "")
    assert ("09" in _found(oracle, config, tmp_path)) == case.missed


VARIABLES = (
    Name("set $b backend.test;", None, missed=True, target="$b"),
    Name("set $b backend.test; @ssl_server_name on;", "backend.test", missed=False, target="$b"),
    Name("@ssl_name $arg_l.test;", None, missed=True, request=Request("/?l=a")),
    Name("@ssl_name $arg_l.test; @ssl_server_name on;", "a.test", missed=False, request=Request("/?l=a")),
    Name("@ssl_name $arg_n; @ssl_server_name on;", None, missed=False, request=Request("/?n=192.0.2.1")),
    Name("@ssl_name $arg_n;", None, missed=False, request=Request("/?n=a.test")),
)


@pytest.mark.parametrize("case", VARIABLES)
def test_a_name_from_variables(oracle: Oracle, listener: HelloListener, tmp_path: Path, case: Name) -> None:
    config = _config(HTTP_PROXY, _ON + case.settings, case.target)
    hello = _hello(oracle, listener, config, case.request)
    assert hello is not None
    assert hello.server_name == case.sent
    assert ("09" in _found(oracle, config, tmp_path)) == case.missed


@pytest.mark.parametrize(("settings", "status"), [("", 502), ("@ssl_server_name on;", 200)])
def test_a_server_with_several_certificates_needs_the_name(oracle: Oracle, settings: str, status: int) -> None:
    """The reason of the rule: nginx stands in for such a server, and its default certificate has another name."""
    shows = "listen <listen2> ssl; ssl_certificate <{0}.pem>; ssl_certificate_key <{0}.key>; return 200;"
    several = (
        f"server {{ {shows.format('wrong_name')} server_name other.test; }}"
        f" server {{ {shows.format('trusted')} server_name backend.test; }}"
    )
    config = _config(HTTP_PROXY, _ON + settings, around=several).replace("<target>", "<listen2>")
    with oracle.start(config) as run:
        assert run.request(Request()).status == status


# ------------------------------------------------------------------------------------------------------ 10

MODERN = "TLSv1.2 TLSv1.3"

VERSIONS = (
    ("@ssl_protocols TLSv1;", "TLSv1"),
    ("@ssl_protocols tlsv1.1 TLSV1.2;", "TLSv1.1 TLSv1.2"),
    ("@ssl_protocols TLSv1.1; @ssl_protocols TLSv1.2;", "TLSv1.1 TLSv1.2"),
    ("@ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;", f"TLSv1 TLSv1.1 {MODERN}"),
    ("@ssl_protocols TLSv1.2 TLSv1.3;", MODERN),
    ("@ssl_protocols TLSv1.3;", "TLSv1.3"),
    # Where a version is left out in between, OpenSSL offers those below it only.
    ("@ssl_protocols TLSv1 TLSv1.2;", "TLSv1"),
    ("@ssl_protocols TLSv1 TLSv1.1 TLSv1.3;", "TLSv1 TLSv1.1"),
    # Protocol turns on and off what it names.
    ("@ssl_protocols TLSv1.2; @ssl_conf_command Protocol TLSv1.3;", MODERN),
    ("@ssl_protocols TLSv1.2; @ssl_conf_command Protocol TLSv1.1;", "TLSv1.1 TLSv1.2"),
    ("@ssl_protocols TLSv1.2; @ssl_conf_command protocol tlsv1.1;", "TLSv1.1 TLSv1.2"),
    ("@ssl_protocols TLSv1.2; @ssl_conf_command Protocol ALL;", f"TLSv1 TLSv1.1 {MODERN}"),
    ("@ssl_protocols TLSv1.2; @ssl_conf_command Protocol ALL,-TLSv1;", f"TLSv1.1 {MODERN}"),
    ("@ssl_protocols TLSv1.2; @ssl_conf_command Protocol '-TLSv1.2, +TLSv1.3';", "TLSv1.3"),
    ("@ssl_protocols TLSv1 TLSv1.1 TLSv1.2; @ssl_conf_command Protocol -ALL,TLSv1.2;", "TLSv1.2"),
    ("@ssl_protocols TLSv1 TLSv1.1 TLSv1.2; @ssl_conf_command Protocol -TLSv1,-TLSv1.1;", "TLSv1.2"),
    (
        "@ssl_protocols TLSv1.2; @ssl_conf_command Protocol DTLSv1; @ssl_conf_command Protocol TLSv1.1;",
        "TLSv1 TLSv1.1 TLSv1.2",
    ),
    ("@ssl_protocols TLSv1.2; @ssl_conf_command Protocol TLSv1.1; @ssl_conf_command Protocol -TLSv1.1;", "TLSv1.2"),
    # The bounds only narrow, and the last ones count.
    ("@ssl_protocols TLSv1.2 TLSv1.3; @ssl_conf_command MinProtocol TLSv1;", MODERN),
    ("@ssl_protocols TLSv1.2 TLSv1.3; @ssl_conf_command MinProtocol None;", MODERN),
    ("@ssl_protocols TLSv1 TLSv1.1 TLSv1.2; @ssl_conf_command minprotocol TLSv1.2;", "TLSv1.2"),
    ("@ssl_protocols TLSv1 TLSv1.1 TLSv1.2; @ssl_conf_command MinProtocol TLSv1.1;", "TLSv1.1 TLSv1.2"),
    ("@ssl_protocols TLSv1 TLSv1.1 TLSv1.2; @ssl_conf_command MaxProtocol TLSv1.1;", "TLSv1 TLSv1.1"),
    ("@ssl_protocols TLSv1.2 TLSv1.3; @ssl_conf_command MaxProtocol TLSv1.1;", ""),
    ("@ssl_conf_command MinProtocol TLSv1.2; @ssl_conf_command Protocol ALL;", MODERN),
    ("@ssl_conf_command Protocol ALL; @ssl_conf_command MinProtocol TLSv1.2;", MODERN),
    (
        "@ssl_conf_command MinProtocol TLSv1.2; @ssl_conf_command MinProtocol TLSv1.1; @ssl_conf_command Protocol ALL;",
        f"TLSv1.1 {MODERN}",
    ),
    # What comes from outside is replaced as a whole, each directive by itself.
    ("@ssl_protocols TLSv1.2;", "TLSv1.2", "@ssl_protocols TLSv1.1;"),
    ("", "TLSv1.1 TLSv1.2", "@ssl_protocols TLSv1.1 TLSv1.2;"),
    (
        "@ssl_conf_command Options PrioritizeChaCha;",
        "TLSv1.2",
        "@ssl_protocols TLSv1.2; @ssl_conf_command Protocol ALL;",
    ),
    ("@ssl_protocols TLSv1.2;", f"TLSv1 TLSv1.1 {MODERN}", "@ssl_conf_command Protocol ALL;"),
)
"""Settings, the versions that a server can get nginx to speak, and settings of the level around."""


@pytest.mark.parametrize("case", VERSIONS)
def test_versions(oracle: Oracle, servers: VersionServers, tmp_path: Path, case: tuple[str, ...]) -> None:
    settings, expected, *around = case
    config = _config(HTTP_PROXY, f"{_WEAKEST} {settings}", around=" ".join(around))
    spoken = _spoken(oracle, servers, config)
    assert spoken == set(expected.split())
    assert ("10" in _found(oracle, config, tmp_path)) == bool(spoken & set(OBSOLETE))


@every_family
def test_versions_in_every_family(oracle: Oracle, servers: VersionServers, tmp_path: Path, family: Family) -> None:
    for number, (settings, expected) in enumerate(
        (
            ("@ssl_protocols TLSv1.1 TLSv1.2;", "TLSv1.1 TLSv1.2"),
            ("@ssl_protocols TLSv1.2 TLSv1.3;", MODERN),
            ("@ssl_protocols TLSv1.2; @ssl_conf_command Protocol TLSv1.1;", "TLSv1.1 TLSv1.2"),
        )
    ):
        config = _config(family, f"{_WEAKEST} {settings}")
        assert _spoken(oracle, servers, config) == set(expected.split())
        assert ("10" in _found(oracle, config, tmp_path / str(number))) == ("TLSv1.1" in expected)


def test_versions_by_default(oracle: Oracle, servers: VersionServers, tmp_path: Path) -> None:
    version = oracle.binary.version
    expected = {"TLSv1.2", *(("TLSv1.3",) if version >= _TLS13_BY_DEFAULT else ())}
    if version < _OLD_VERSIONS_OFF_BY_DEFAULT:
        expected |= {"TLSv1", "TLSv1.1"}
    config = _config(HTTP_PROXY, _WEAKEST)
    assert _spoken(oracle, servers, config) == expected
    assert "10" not in _found(oracle, config, tmp_path)


@pytest.mark.parametrize(
    "command",
    ["Protocol TLSv1.4", "Protocol 'TLSv1.1 TLSv1'", "Protocol TLSv1.1,", "MinProtocol tlsv1.2", "-no_tls1_3 ''"],
)
def test_commands_that_openssl_refuses(oracle: Oracle, command: str) -> None:
    assert not oracle.check(_config(HTTP_PROXY, f"@ssl_conf_command {command};")).starts


def _spoken(oracle: Oracle, servers: VersionServers, config: str) -> set[str]:
    """The versions that nginx speaks with a server that knows no other."""
    spoken: set[str] = set()
    for version in servers.versions:
        with oracle.start(config.replace("<target>", servers.address(version))) as run:
            run.request(Request())
        if servers.spoke(version):
            spoken.add(version)
    return spoken


# ------------------------------------------------------------------------------------------------------ 11

STRINGS = (
    "DEFAULT",
    "ALL",
    "ALL:COMPLEMENTOFALL",
    "HIGH",
    "HIGH:!aNULL",
    "HIGH!aNULL",
    "HIGH:-aNULL:aNULL",
    "HIGH:!aNULL:aNULL:+aNULL",
    "eNULL:AES128-SHA",
    "RSA",
    "ECDHE:!RSA",
    "kECDHE+aNULL:AES128-SHA",
    "aNULL+UNKNOWN:AES128-SHA",
    "SHA1",
    "AES:!SSLv3",
    "FIPS",
    "COMPLEMENTOFDEFAULT",
    "ALL:!COMPLEMENTOFDEFAULT",
    "DEFAULT:eNULL:aNULL",
    "DEFAULTeNULL",
    "eNULL:DEFAULT",
    "SUITEB128:eNULL",
    "ALL:@STRENGTH",
    "NULL-SHA:AES128-SHA",
    "ALL:!EXP:!NULL:!ADH:!LOW:!SSLv2:!SSLv3:!MD5:!RC4",
)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_ciphers(oracle: Oracle, listener: HelloListener, tmp_path: Path, level: int) -> None:
    """At a level that the string sets, exactly those suites are offered that the scanner thinks of."""
    known = weak_suites(_hello(oracle, listener, _config(HTTP_PROXY, "@ssl_ciphers ALL:eNULL:@SECLEVEL=0;")))
    for number, string in enumerate(STRINGS):
        separator = " , "[number % 3]
        text = f"{string}:@SECLEVEL={level}".replace(":", separator)
        config = _config(HTTP_PROXY, f"@ssl_ciphers '{text}'; @ssl_protocols TLSv1.2;")
        offered = weak_suites(_hello(oracle, listener, config))
        said = evaluate(text)
        assert offered == {suite.name for suite in said.offered_at(said.level)} & known, text
        found = "11" in _found(oracle, config, tmp_path / str(number))
        assert found == bool(said.offered_at(said.level) or said.level == 0)


def test_without_a_level_the_build_decides(oracle: Oracle, listener: HelloListener, tmp_path: Path) -> None:
    """These builds stand at level 1 or 2; the scanner does not count on that."""
    for number, string in enumerate(("HIGH", "ALL:eNULL", "aNULL:AES128-SHA")):
        config = _config(HTTP_PROXY, f"@ssl_ciphers {string};")
        assert weak_suites(_hello(oracle, listener, config)) == set()
        assert "11" in _found(oracle, config, tmp_path / str(number))


COMMANDS = (
    # settings, whether aNULL is offered, whether the scanner finds something
    ("@ssl_conf_command CipherString ALL@SECLEVEL=0;", True, True),
    ("@ssl_conf_command cipherstring ALL@SECLEVEL=0;", True, True),
    ("@ssl_ciphers ALL@SECLEVEL=0; @ssl_conf_command CipherString HIGH:!aNULL;", False, True),
    ("@ssl_ciphers ALL; @ssl_conf_command CipherString HIGH:!aNULL;", False, False),
    ("@ssl_ciphers HIGH:!aNULL:@SECLEVEL=0; @ssl_conf_command CipherString ALL;", True, True),
    ("@ssl_ciphers ALL@SECLEVEL=0; @ssl_conf_command CipherString ALL:!RC4:!3DES:@SECLEVEL=1;", False, False),
    ("@ssl_conf_command CipherString ALL@SECLEVEL=0; @ssl_conf_command CipherString HIGH;", True, True),
    ("@ssl_ciphers ALL@SECLEVEL=0; @ssl_protocols TLSv1.3;", False, True),
    ("@ssl_ciphers ALL:@SECLEVEL=0; @ssl_conf_command MinProtocol TLSv1.3; @ssl_protocols TLSv1.3;", False, True),
    ("@ssl_ciphers ALL; @ssl_protocols TLSv1.3;", False, False),
    ("", False, False),
)


@pytest.mark.parametrize(("settings", "offered", "found"), COMMANDS)
def test_what_replaces_a_cipher_string(
    oracle: Oracle, listener: HelloListener, tmp_path: Path, settings: str, offered: bool, found: bool
) -> None:
    config = _config(HTTP_PROXY, settings)
    assert bool(weak_suites(_hello(oracle, listener, config))) == offered
    assert ("11" in _found(oracle, config, tmp_path)) == found


@every_family
def test_ciphers_in_every_family(oracle: Oracle, listener: HelloListener, tmp_path: Path, family: Family) -> None:
    for number, (settings, offered) in enumerate(
        (
            ("@ssl_ciphers aNULL:@SECLEVEL=0;", True),
            ("@ssl_conf_command CipherString aNULL:@SECLEVEL=0;", True),
            ("@ssl_ciphers HIGH:!aNULL:!MD5;", False),
        )
    ):
        for inside, around in ((settings, ""), ("", settings)):
            config = _config(family, inside, around=around)
            assert bool(weak_suites(_hello(oracle, listener, config))) == offered
            place = tmp_path / f"{number}{bool(around)}"
            assert ("11" in _found(oracle, config, place)) == offered


@pytest.mark.parametrize("text", ["ALL:?", "ALL:$x", "ALL::+", "ALL:@FOO", "ALL:@SECLEVEL=9"])
def test_cipher_strings_that_openssl_refuses(oracle: Oracle, text: str) -> None:
    assert not evaluate(text).well_formed
    result = oracle.check(_config(HTTP_PROXY, f"@ssl_ciphers '{text}';"))
    assert "invalid command" in result.message


@pytest.mark.parametrize("text", ["", "UNKNOWN", "HIGH-aNULL", "RC4-SHA"])
def test_cipher_strings_that_leave_nothing(oracle: Oracle, text: str) -> None:
    """The names of suites that OpenSSL was built without count for nothing."""
    assert evaluate(text).well_formed
    assert "no cipher match" in oracle.check(_config(HTTP_PROXY, f"@ssl_ciphers '{text}';")).message
