"""What nginx does where a verdict depends on it, beyond the table in oracle_cases."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from nginx_oracle import JUDGED_IDENTITIES, Judgement, NginxRefused, Oracle, Request, Text
from oracle_families import FAMILIES, GRPC, HTTP_FAMILIES, HTTP_PROXY, STREAM, UWSGI, Family

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

pytestmark = pytest.mark.oracle

_ON = "@ssl_verify on; @ssl_trusted_certificate <root.pem>;"
_TLS_CLIENT = "ssl_certificate <trusted.pem>; ssl_certificate_key <trusted.key>;"
_LOCAL_KEEPALIVE = (1, 29, 7)

every_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: str(family.name))
every_http_family = pytest.mark.parametrize("family", HTTP_FAMILIES, ids=lambda family: str(family.name))


def _connection(family: Family, settings: str) -> str:
    """A main file with one TLS connection to the group, under `settings`."""
    if family is STREAM:
        return family.document(f"server {{ listen <listen>; proxy_ssl on; {settings} @pass backend.test; }}")
    inside = f"location / {{ {settings} @pass @tls://backend.test; }}"
    return family.document(f"server {{ listen <listen>; {inside} }}")


def _locations(**settings: str) -> str:
    """A main file of ``proxy_pass`` locations to one group, each under its own settings."""
    blocks = "".join(
        f"location /{name} {{ {inside} proxy_pass https://backend.test; }}\n" for name, inside in settings.items()
    )
    return HTTP_PROXY.document(f"server {{ listen <listen>;\n{blocks}}}")


def _accepted(oracle: Oracle, config: str, identities: Sequence[str]) -> set[str]:
    """Who of `identities` gets data, each from an nginx of its own, which has no connections to others."""
    return {name for identity in identities for name in oracle.judge(config, identities=(identity,)).reached}


def _reached_by(judgement: Judgement, target: str, path: str) -> set[str]:
    return {
        name
        for exchange in judgement.exchanges
        if exchange.target == target and exchange.request.path == path
        for name in exchange.reached
    }


class TestVerification:
    @every_family
    def test_off_lets_everybody_in(self, oracle: Oracle, family: Family) -> None:
        for settings in ("", "@ssl_verify off;", "@ssl_trusted_certificate <root.pem>;"):
            judgement = oracle.judge(_connection(family, settings), identities=("impostor",))
            assert judgement.reached == {"impostor"}
            judgement = oracle.judge(_connection(family, settings), identities=("wrong_name",))
            assert judgement.reached == {"wrong_name"}

    @every_family
    def test_on_refuses_the_impostor_and_the_wrong_name(self, oracle: Oracle, family: Family) -> None:
        judgement = oracle.judge(_connection(family, _ON))
        assert judgement.reached == {"trusted"}
        refused = (0,) if family is STREAM else (502,)
        assert [judgement.statuses(target) for target in JUDGED_IDENTITIES] == [refused, refused, (200,)]

    @every_family
    def test_the_message_for_want_of_a_bundle_names_no_place(self, oracle: Oracle, family: Family) -> None:
        for inside in ("@ssl_verify on;", '@ssl_verify on; @ssl_trusted_certificate "";'):
            result = oracle.check(_connection(family, inside))
            expected = f"no {family.prefix}_ssl_trusted_certificate for {family.prefix}_ssl_verify"
            assert (result.starts, result.message, result.lacks_bundle) == (False, expected, True)

    @every_family
    def test_a_bundle_is_read_only_when_verification_is_on(self, oracle: Oracle, family: Family) -> None:
        for bundle in ("missing.pem", "<empty.pem>"):
            settings = f"@ssl_trusted_certificate {bundle};"
            assert oracle.check(_connection(family, settings)).starts
            assert oracle.check(_connection(family, "@ssl_verify off;" + settings)).starts
            result = oracle.check(_connection(family, "@ssl_verify on;" + settings))
            assert not result.starts
            assert not result.lacks_bundle

    @every_family
    def test_a_relative_bundle_lies_beside_the_main_file(self, oracle: Oracle, family: Family) -> None:
        root = (oracle.certificates.directory / "root.pem").read_bytes()
        settings = "include d/on.conf;"
        included = family.write("@ssl_verify on; @ssl_trusted_certificate a.pem;")
        files: dict[str, Text] = {"d/on.conf": included, "a.pem": root}
        assert oracle.judge(_connection(family, settings), files).reached == {"trusted"}
        assert not oracle.check(_connection(family, settings), {"d/on.conf": included, "d/a.pem": root}).starts

    @every_family
    def test_depth_counts_intermediates(self, oracle: Oracle, family: Family) -> None:
        identities = ("trusted", "intermediate", "two_intermediates")
        for depth, reached in (
            ("", {"trusted", "intermediate"}),
            ("0", {"trusted"}),
            ("1", {"trusted", "intermediate"}),
            ("2", set(identities)),
        ):
            settings = _ON + (f"@ssl_verify_depth {depth};" if depth else "")
            assert _accepted(oracle, _connection(family, settings), identities) == reached

    @every_family
    def test_an_intermediate_is_no_anchor(self, oracle: Oracle, family: Family) -> None:
        settings = "@ssl_verify on; @ssl_trusted_certificate <intermediate_only.pem>;"
        judgement = oracle.judge(_connection(family, settings), identities=("intermediate", "trusted"))
        assert judgement.result.starts
        assert judgement.reached == frozenset()

    @every_family
    def test_expired_is_refused(self, oracle: Oracle, family: Family) -> None:
        assert oracle.judge(_connection(family, _ON), identities=("expired",)).reached == frozenset()
        assert oracle.judge(_connection(family, ""), identities=("expired",)).reached == {"expired"}

    @every_family
    def test_a_crl_counts_only_with_verification(self, oracle: Oracle, family: Family) -> None:
        crl = "@ssl_crl <crl.pem>;"
        identities = ("revoked", "trusted")
        for settings, reached in (
            (_ON, {"revoked", "trusted"}),
            (_ON + crl, {"trusted"}),
            (crl, {"revoked", "trusted"}),
        ):
            assert _accepted(oracle, _connection(family, settings), identities) == reached

    @every_family
    def test_plain_text_reaches_nobody_over_tls(self, oracle: Oracle, family: Family) -> None:
        for settings in ("@ssl_verify on;", "@ssl_verify off;"):
            config = _connection(family, settings).replace(f"{family.tls_scheme}://", f"{family.plain_scheme}://")
            judgement = oracle.judge(config.replace("proxy_ssl on;", ""))
            assert judgement.reached == frozenset()
            assert judgement.statuses("impostor") == (200,)


class TestNames:
    @every_family
    def test_an_address_matches_no_address_in_the_certificate(self, oracle: Oracle, family: Family) -> None:
        config = _connection(family, _ON).replace("backend.test;", "<trusted>;")
        assert oracle.judge(config, identities=("trusted",)).reached == frozenset()
        named = _connection(family, _ON + "@ssl_name backend.test;").replace("_pass backend.test;", "_pass <trusted>;")
        assert oracle.judge(named.replace("://backend.test;", "://<trusted>;")).reached == {"trusted"}

    @every_family
    def test_the_name_alone_decides(self, oracle: Oracle, family: Family) -> None:
        for name, reached in (
            ("other.test", {"wrong_name"}),
            ("BACKEND.TEST", {"trusted"}),
            ("a.wild.test", {"trusted"}),
            ("a.b.wild.test", set()),
            ("backend.test.", set()),
            ("backend.test:443", {"trusted"}),
            (".test", {"trusted", "wrong_name"}),
            ('""', set()),
        ):
            config = _connection(family, f"{_ON} @ssl_name {name};")
            assert _accepted(oracle, config, ("trusted", "wrong_name")) == reached

    def test_the_client_may_choose_the_name(self, oracle: Oracle) -> None:
        request = Request(headers=(("X-Name", "other.test"),))
        config = _connection(HTTP_PROXY, f"{_ON} @ssl_name $http_x_name;")
        assert oracle.judge(config, requests=(request,)).reached == {"wrong_name"}

    @every_family
    def test_server_name_is_sent_only_when_asked_for(self, oracle: Oracle, family: Family) -> None:
        for settings, sent in (("", None), ("@ssl_server_name on;", "backend.test")):
            oracle.judge(_connection(family, _ON + settings), identities=("trusted",))
            oracle.backends.drain()
            assert {connection.server_name for connection in oracle.backends.connections()} == {sent}

    def test_a_unix_socket_needs_a_name(self, oracle: Oracle) -> None:
        for settings, reached in ((_ON, set()), (f"{_ON} @ssl_name backend.test;", {"trusted"})):
            config = _connection(HTTP_PROXY, settings).replace("https://backend.test;", "https://<target:unix>:/;")
            assert oracle.judge(config).reached == reached


class TestCommands:
    """``*_ssl_conf_command`` behind the back of verification."""

    @every_family
    def test_a_ca_file_replaces_the_bundle(self, oracle: Oracle, family: Family) -> None:
        command = "@ssl_conf_command VerifyCAFile <impostor.pem>;"
        assert oracle.judge(_connection(family, _ON + command)).reached == {"impostor"}
        assert oracle.check(_connection(family, "@ssl_verify on;" + command)).lacks_bundle

    @every_family
    def test_verify_mode_checks_the_chain_alone(self, oracle: Oracle, family: Family) -> None:
        commands = "@ssl_conf_command VerifyMode Peer; @ssl_conf_command VerifyCAFile <root.pem>;"
        config = _connection(family, commands)
        assert _accepted(oracle, config, JUDGED_IDENTITIES) == {"trusted", "wrong_name"}

    @every_family
    def test_verify_mode_does_not_weaken(self, oracle: Oracle, family: Family) -> None:
        command = "@ssl_conf_command VerifyMode Request;"
        assert oracle.judge(_connection(family, _ON + command)).reached == {"trusted"}


class TestSharedConnections:
    def test_a_pool_serves_the_verifying_location_too(self, oracle: Oracle) -> None:
        config = _locations(a="", b=_ON.replace("@", "proxy_")).replace("<target>;", "<target>; keepalive 4;")
        config = config.replace(
            "listen <listen>;", 'listen <listen>; proxy_http_version 1.1; proxy_set_header Connection "";'
        )
        judgement = oracle.judge(config, requests=(Request("/b"), Request("/a")), identities=("impostor",))
        assert _reached_by(judgement, "impostor", "/b") == set()
        judgement = oracle.judge(config, requests=(Request("/a"), Request("/b")), identities=("impostor",))
        assert _reached_by(judgement, "impostor", "/b") == {"impostor"}

    def test_a_local_pool_does_not(self, oracle: Oracle) -> None:
        if oracle.binary.version < _LOCAL_KEEPALIVE:
            pytest.skip("no local pools in this version")
        for parameter in ("", "keepalive 4 local;"):
            config = _locations(a="", b=_ON.replace("@", "proxy_")).replace("<target>;", f"<target>; {parameter}")
            judgement = oracle.judge(config, requests=(Request("/a"), Request("/b")), identities=("impostor",))
            assert _reached_by(judgement, "impostor", "/a") == {"impostor"}
            assert _reached_by(judgement, "impostor", "/b") == set()

    @pytest.mark.parametrize("keepalive", ["", "keepalive 4 local;", "keepalive 4;", "keepalive 0;"])
    def test_a_kept_connection_serves_a_request_with_another_name(self, oracle: Oracle, keepalive: str) -> None:
        if oracle.binary.version < _LOCAL_KEEPALIVE:
            pytest.skip("pools look otherwise in this version")
        name = f"map $arg_k $name {{ default backend.test; a other.test; }} {_ON} @ssl_name $name;"
        inside = "server { listen <listen>; location / { proxy_pass https://backend.test; } }"
        config = HTTP_PROXY.document(HTTP_PROXY.write(name) + inside).replace("<target>;", f"<target>; {keepalive}")
        meant, other = Request(), Request("/?k=a")
        assert oracle.judge(config, requests=(other,), identities=("trusted",)).statuses("trusted") == (502,)
        judgement = oracle.judge(config, requests=(meant, other), identities=("trusted",))
        assert judgement.statuses("trusted") == ((200, 502) if keepalive == "keepalive 0;" else (200, 200))

    def test_sessions_carry_one_bundle_to_another(self, oracle: Oracle) -> None:
        loose = "proxy_ssl_verify on; proxy_ssl_trusted_certificate <root_and_impostor.pem>;"
        strict = "proxy_ssl_verify on; proxy_ssl_trusted_certificate <root.pem>;"
        for reuse, reached in (("", {"impostor"}), ("proxy_ssl_session_reuse off;", set())):
            config = _locations(a=loose + reuse, b=strict + reuse)
            judgement = oracle.judge(config, requests=(Request("/a"), Request("/b")), identities=("impostor",))
            assert _reached_by(judgement, "impostor", "/a") == {"impostor"}
            assert _reached_by(judgement, "impostor", "/b") == reached


class TestSchemes:
    def test_scheme_follows_the_client(self, oracle: Oracle) -> None:
        inside = f"{_TLS_CLIENT} listen <listen>; listen <listen2> ssl;"
        config = HTTP_PROXY.document(f"server {{ {inside} location / {{ proxy_pass $scheme://backend.test; }} }}")
        for request, reached in ((Request(), set()), (Request(listener="listen2", tls=True), {"impostor"})):
            judgement = oracle.judge(config, requests=(request,), identities=("impostor",))
            assert judgement.reached == reached
            assert judgement.statuses("impostor") == (200,)

    def test_a_map_decides_for_each_request(self, oracle: Oracle) -> None:
        scheme = "map $arg_s $s { default http; x https; }"
        config = HTTP_PROXY.document(
            scheme + "server { listen <listen>; location / { proxy_pass $s://backend.test; } }"
        )
        for path, reached in (("/", set()), ("/?s=x", {"impostor"})):
            judgement = oracle.judge(config, requests=(Request(path),), identities=("impostor",))
            assert judgement.reached == reached
            assert judgement.statuses("impostor") == (200,)

    def test_a_pooled_plain_connection_fails_closed(self, oracle: Oracle) -> None:
        """An https request may get a plain connection from the pool; nginx then shakes hands on it in vain."""
        scheme = "map $arg_s $s { default http; x https; }"
        location = f"location / {{ {HTTP_PROXY.write(_ON)} proxy_pass $s://backend.test; }}"
        config = HTTP_PROXY.document(scheme + f"server {{ listen <listen>; {location} }}")
        judgement = oracle.judge(config, requests=(Request(), Request("/?s=x")), identities=("impostor",))
        assert judgement.reached == frozenset()
        assert judgement.statuses("impostor") == (200, 502)

    @pytest.mark.parametrize("family", [GRPC, UWSGI], ids=lambda family: str(family.name))
    def test_a_variable_without_scheme_is_plain(self, oracle: Oracle, family: Family) -> None:
        inside = "server { listen <listen>; location / { set $name backend.test; @pass $name; %s } }"
        judgement = oracle.judge(family.document(inside % ""), identities=("impostor",))
        assert judgement.reached == frozenset()
        assert oracle.check(family.document(inside % "@ssl_verify on;")).lacks_bundle


class TestStructure:
    @every_family
    @pytest.mark.parametrize(
        "statement",
        [
            "@ssl_verify off;",
            "@ssl_trusted_certificate <root.pem>;",
            "@ssl_verify_depth 1;",
            "@ssl_name a;",
            "@ssl_server_name on;",
            "@ssl_crl <crl.pem>;",
            "@ssl_ciphers DEFAULT;",
            "@ssl_session_reuse on;",
        ],
    )
    def test_a_directive_twice_in_a_block(self, oracle: Oracle, family: Family, statement: str) -> None:
        directive = family.write(statement).split()[0]
        again = {"again": family.write(statement)}
        cases: tuple[tuple[str, dict[str, str]], ...] = (
            (statement + statement, {}),
            (statement + "include again;", again),
            ("include again; include again;", again),
        )
        for settings, files in cases:
            result = oracle.check(_connection(family, settings), files)
            assert f'"{directive}" directive is duplicate' in result.message

    @every_family
    def test_a_snippet_in_two_blocks_is_fine(self, oracle: Oracle, family: Family) -> None:
        config = family.document("include again; server { listen <listen>; include again; return 204; }")
        config = config.replace("return 204", "return x" if family is STREAM else "return 204")
        assert oracle.check(config, {"again": family.write("@ssl_verify off;")}).starts

    @every_family
    def test_repeatable_directives(self, oracle: Oracle, family: Family) -> None:
        settings = "@ssl_protocols TLSv1.2; @ssl_protocols TLSv1.3; @ssl_conf_command CipherString DEFAULT;"
        assert oracle.check(_connection(family, settings + settings.split(";")[2] + ";")).starts

    @every_http_family
    @pytest.mark.parametrize(
        "inside",
        [
            "upstream u { server 127.0.0.1:1; @ssl_verify on; }",
            "server { listen <listen>; location / { if ($arg_x) { @ssl_verify on; } } }",
            "server { listen <listen>; location / { limit_except GET { @ssl_verify on; } } }",
            "server { listen <listen>; @pass @tls://backend.test; }",
            "server { listen <listen>; if ($arg_x) { @pass @tls://backend.test; } }",
            "server { listen <listen>; location / { proxy_ssl on; } }",
            "server { listen <listen>; location / { if ($arg_x) { location /a { } } } }",
        ],
    )
    def test_a_directive_out_of_place(self, oracle: Oracle, family: Family, inside: str) -> None:
        message = oracle.check(family.document(inside)).message
        assert "directive is not allowed here" in message

    @pytest.mark.parametrize("family", [GRPC, UWSGI], ids=lambda family: str(family.name))
    def test_limit_except_takes_no_other_pass(self, oracle: Oracle, family: Family) -> None:
        inside = "server { listen <listen>; location / { limit_except GET { @pass @tls://backend.test; } } }"
        assert "is not allowed here" in oracle.check(family.document(inside)).message

    def test_a_pass_is_not_inherited(self, oracle: Oracle) -> None:
        inside = "location / { proxy_pass https://backend.test; location /a/ { } }"
        judgement = oracle.judge(
            HTTP_PROXY.document(f"server {{ listen <listen>; {inside} }}"), requests=(Request("/a/"),)
        )
        assert judgement.reached == frozenset()
        assert judgement.statuses("impostor") == (404,)

    def test_a_scheme_in_stream_is_no_host(self, oracle: Oracle) -> None:
        result = oracle.check(STREAM.document("server { listen <listen>; proxy_pass https://backend.test; }"))
        assert "invalid host in upstream" in result.message


class TestHarness:
    def test_nothing_is_left_behind(self, oracle: Oracle) -> None:
        processes: list[int] = []
        directories: list[Path] = []

        def fail_inside() -> None:
            with oracle.start(_connection(HTTP_PROXY, "")) as run:
                processes.append(int((run.directory / "nginx.pid").read_text()))
                directories.append(run.directory)
                raise InterruptedError

        with pytest.raises(InterruptedError):
            fail_inside()
        deadline = time.monotonic() + 5
        while _is_alive(processes[0]) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not _is_alive(processes[0])
        assert not directories[0].exists()

    def test_a_refusal_is_raised_with_its_message(self, oracle: Oracle) -> None:
        with pytest.raises(NginxRefused, match="no_such_thing"), oracle.start("events {} no_such_thing;"):
            pytest.fail("nginx started")

    def test_an_unknown_placeholder_is_an_error(self, oracle: Oracle) -> None:
        with pytest.raises(KeyError):
            oracle.check("events {} http { proxy_ssl_name <nobody>; }")

    def test_a_named_capture_is_no_placeholder(self, oracle: Oracle) -> None:
        inside = 'location ~ "^/(?<listen>.*)$" { return 200 $listen; }'
        config = HTTP_PROXY.document(f"server {{ listen <listen>; {inside} }}")
        with oracle.start(config) as run:
            assert run.request(Request("/abc")).body == b"abc"

    def test_an_http2_client(self, oracle: Oracle) -> None:
        http2 = "listen <listen>; http2 on;" if oracle.binary.version >= (1, 25, 1) else "listen <listen> http2;"
        inside = f"server {{ {http2} location / {{ SETTINGS @pass @tls://backend.test; }} }}"
        for settings, reached in (("", {"impostor"}), (_ON, set())):
            config = GRPC.document(inside.replace("SETTINGS", settings))
            judgement = oracle.judge(config, requests=(Request(http2=True),), identities=("impostor",))
            assert judgement.reached == reached
            assert judgement.statuses("impostor") == ((200,) if reached else (502,))

    def test_raw_bytes_through_stream(self, oracle: Oracle) -> None:
        oracle.backends.pretend("trusted")
        with oracle.start(_connection(STREAM, _ON + "proxy_timeout 100ms;")) as run:
            assert run.send(b"not HTTP\n") == b"not HTTP\n"

    def test_the_client_learns_whom_it_reached(self, oracle: Oracle) -> None:
        for family in FAMILIES:
            judgement = oracle.judge(_connection(family, ""), identities=("impostor",))
            assert b"impostor" in judgement.exchanges[0].response.body


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
