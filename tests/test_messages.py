"""What findings of rules about connections say: how many places they name, what is wrong, and what is not known."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from checkov_nginx_tls.analysis import Outcome, analyse
from checkov_nginx_tls.texts import listed

if TYPE_CHECKING:
    from pathlib import Path

_ON = "proxy_ssl_verify on; proxy_ssl_trusted_certificate ca.pem; proxy_ssl_server_name on;"
_COMMAND = "proxy_ssl_conf_command"
_PASS = "proxy_pass https://backend.example.com;"
_KEEPING = "upstream backend.example.com { server 192.0.2.1; keepalive 8; }\n"
_CHANGING = (
    "map $http_x $name { default a.example.com; b b.example.com; }\n"
    "map $http_x $kind { default https; b http; }\n" + _KEEPING
)


def all_outcomes(directory: Path, text: str) -> tuple[Outcome, ...]:
    file = directory / "a.conf"
    file.write_text(text, encoding="utf-8")
    analysis = analyse(None, [str(file)])
    assert not analysis.problems
    return analysis.outcomes


def outcomes(directory: Path, text: str, number: str) -> list[Outcome]:
    found = all_outcomes(directory, text)
    return [one for one in found if one.check.id == f"CKV_NGINX_CUSTOM_{number}" and one.message]


@pytest.mark.parametrize("count", [1, 3, 4, 6])
def test_a_cause_names_three_of_its_connections_and_counts_the_others(tmp_path: Path, count: int) -> None:
    locations = "".join(f"location /{n} {{ proxy_pass https://{n}.example.com; }}\n" for n in range(count))
    (outcome,) = outcomes(tmp_path, f"server {{ proxy_ssl_verify off;\n{locations} }}\n", "01")
    assert [f"https://{n}.example.com" in outcome.message for n in range(count)] == [n < 3 for n in range(count)]
    assert re.findall(r" and (\d+) more", outcome.message) == ([str(count - 3)] if count > 3 else [])


@pytest.mark.parametrize(
    ("separator", "expected"),
    [(", ", ["", "a", "a, b", "a, b and 1 more", "a, b and 2 more"]), ("; ", ["", "a", "a; b", "a; b; and 1 more"])],
)
def test_a_list_names_the_first_and_counts_the_others(separator: str, expected: list[str]) -> None:
    assert [listed("abcd"[:count], 2, separator) for count in range(len(expected))] == expected


UNKNOWN = (
    (
        "01",
        "{% if a %}\nproxy_ssl_verify off;\n{% endif %}\ninclude missing.conf;\n",
        "whether proxy_ssl_verify is off here",
    ),
    ("01", f"location / {{ {_PASS} proxy_ssl_verify {{{{ verify }}}}; }}", "whether proxy_ssl_verify is off for"),
    (
        "02",
        f"location / {{ {_PASS} proxy_ssl_verify on; {{% if a %}}proxy_ssl_trusted_certificate ca.pem;{{% endif %}} }}",
        "whether proxy_ssl_trusted_certificate is set for",
    ),
    (
        "02",
        f'location / {{ {_PASS} proxy_ssl_verify on; include "missing.conf"; }}',
        'Not in the scanned tree, and so not looked at: "missing.conf"',
    ),
    ("03", "location / { proxy_pass {{ scheme }}://backend.example.com; }", "whether nginx speaks TLS to"),
    (
        "05",
        f"location / {{ {_PASS} {_ON} proxy_ssl_conf_command {{{{ name }}}} x.pem; }}",
        "whether a command of OpenSSL replaces the trusted certificates of",
    ),
    ("06", f"location / {{ proxy_pass https://$nobody_sets_this; {_ON} }}", "which name is verified for"),
    (
        "07",
        f"{_CHANGING}server {{ {_ON} location / {{ proxy_pass $kind://backend.example.com; proxy_ssl_name $name; }} }}",
        "whether requests with another proxy_ssl_name share kept connections of",
    ),
    (
        "07",
        _CHANGING + f"server {{ {_ON} location /b {{ {_PASS} proxy_ssl_verify off; }}\n"
        "location / { proxy_pass $kind://backend.example.com; proxy_ssl_name $name; } }",
        "share kept connections although they are verified differently depends on values that are not known here",
    ),
)


FAILED = (
    ("01", f"location / {{ {_PASS} proxy_ssl_verify off; }}", "proxy_ssl_verify is off for https://backend"),
    ("02", f"location / {{ {_PASS} proxy_ssl_verify on; }}", "and no proxy_ssl_trusted_certificate is in effect"),
    ("03", f"location / {{ {_PASS} }}", "nobody sets proxy_ssl_verify for https://backend.example.com"),
    (
        "04",
        f"location / {{ {_PASS} grpc_ssl_verify on; grpc_ssl_trusted_certificate ca.pem; }}",
        "does nothing for https://backend.example.com (",
    ),
    ("04", f"location / {{ {_PASS} grpc_ssl_verify on; }}", "proxy_pass takes proxy_ssl_verify and proxy_ssl_trusted"),
    (
        "04",
        f"stream {{ server {{ listen 1; proxy_pass 192.0.2.1:1; {_ON} }} }}",
        "is plain text: proxy_ssl is not on. Set proxy_ssl to on",
    ),
    (
        "05",
        f"location / {{ {_PASS} {_ON} proxy_ssl_conf_command VerifyCAFile x.pem; }}",
        "VerifyCAFile replaces the certificates of proxy_ssl_trusted_certificate for https://backend",
    ),
    ("06", f"location / {{ {_PASS} {_ON} proxy_ssl_name .example.com; }}", '".example.com" accepts every subdomain'),
    ("06", f"location / {{ {_PASS} {_ON} proxy_ssl_name $host; }}", "it comes from $host"),
    (
        "07",
        f"{_CHANGING}server {{ {_ON} location / {{ {_PASS} proxy_ssl_name $name; }} }}",
        "proxy_ssl_name has several values for https://backend.example.com",
    ),
    (
        "07",
        f"{_KEEPING}server {{ {_ON} location / {{ {_PASS} }} location /b {{ {_PASS} proxy_ssl_verify off; }} }}",
        "share kept connections although they are verified differently. Write",
    ),
    ("08", f"location / {{ proxy_pass https://192.0.2.1; {_ON} }}", 'no certificate matches the name "192.0.2.1"'),
    (
        "10",
        "http { proxy_ssl_protocols TLSv1; include missing.conf; server { listen 80; location / { " + _PASS + " } } }",
        "admits obsolete versions for https://backend.example.com",
    ),
    (
        "10",
        "http { proxy_ssl_protocols TLSv1; include missing.conf; "
        "server { location / { " + _PASS + " proxy_ssl_protocols TLSv1.2; } } }",
        'for TLS connections in files that are not in the scanned tree: "missing.conf" (',
    ),
    (
        "01",
        "http { proxy_ssl_verify off; include missing.conf; server { location / { " + _PASS + " " + _ON + " } } }",
        'is off for TLS connections in files that are not in the scanned tree: "missing.conf" (',
    ),
    ("01", "proxy_ssl_verify off;", "for every TLS connection in the configuration that includes this"),
    (
        "05",
        f"location / {{ {_PASS} {_ON}\n{_COMMAND} VerifyCAFile a;\n{_COMMAND} VerifyCAPath b; }}",
        " replaces the certificates of proxy_ssl_trusted_certificate for https://backend",
    ),
    (
        "08",
        "location / { uwsgi_pass suwsgi://b; uwsgi_ssl_verify on; uwsgi_ssl_name $proxy_host; }",
        'no certificate matches the name ""',
    ),
    ("10", "proxy_ssl_protocols TLSv1;", "for every TLS connection in the configuration that includes this"),
    (
        "11",
        f"location / {{ {_PASS} proxy_ssl_ciphers RC4-SHA:DES-CBC3-SHA:NULL-SHA:ADH-AES128-SHA:AECDH-AES128-SHA; }}",
        "; and 1 more) for https://backend.example.com",
    ),
    (
        "04",
        f"location / {{ {_PASS} grpc_ssl_verify on; }} location /g {{ grpc_pass grpcs://g.example.com; }}",
        "grpc_ssl_verify does nothing for https://backend.example.com",
    ),
)


SAID = [*(("UNKNOWN", *one) for one in UNKNOWN), *(("FAILED", *one) for one in FAILED)]


@pytest.mark.parametrize(("result", "number", "text", "said"), SAID)
def test_it_is_said_what_is_wrong_or_not_known(tmp_path: Path, result: str, number: str, text: str, said: str) -> None:
    found = outcomes(tmp_path, text, number)
    assert found
    assert {one.result.value for one in found} == {result}
    assert all(said in one.message for one in found)


PASSED = (
    (f"location / {{ {_PASS} {_ON} }}", "01 02 03 04 05 06 07 08 09 10 11 14"),
    (f"location / {{ {_PASS} }}", "10 11 14"),
    ("location / { proxy_pass http://127.0.0.1; " + _ON + " }", "14"),
    (f"location / {{ proxy_pass {{{{ scheme }}}}://backend.example.com; {_ON} }}", "14"),
    (f"location / {{ return 204; {_PASS} {_ON} }}", "02"),
)


@pytest.mark.parametrize(("text", "numbers"), PASSED)
def test_a_pass_is_said_of_what_a_rule_is_about_only(tmp_path: Path, text: str, numbers: str) -> None:
    found = all_outcomes(tmp_path, text)
    assert " ".join(one.check.id[-2:] for one in found if one.result.value == "PASSED") == numbers


def test_a_fault_that_a_template_leaves_out_in_one_rendering_is_none_of_unseen_connections(tmp_path: Path) -> None:
    arms = "{% if a %}proxy_ssl_protocols TLSv1;{% else %}proxy_ssl_protocols TLSv1.2;{% endif %}\n"
    assert outcomes(tmp_path, f"{arms}include missing.conf;\n", "10") == []


@pytest.mark.parametrize(
    ("number", "setting"),
    [
        ("10", "proxy_ssl_protocols TLSv1;"),
        ("11", "proxy_ssl_ciphers NULL-SHA;"),
        ("11", "proxy_ssl_conf_command CipherString NULL-SHA;"),
    ],
)
def test_a_fault_of_connections_that_are_seen_is_theirs_alone(tmp_path: Path, number: str, setting: str) -> None:
    skip = f"# checkov:skip=CKV_NGINX_CUSTOM_{number}:until they are replaced"
    seen = f"server {{ location / {{\n{_PASS} {skip}\n}} }}"
    (outcome,) = outcomes(tmp_path, f"http {{ {setting} include missing.conf;\n{seen} }}", number)
    assert outcome.result.value == "SKIPPED"


def test_a_fault_for_which_no_connection_is_seen_is_not_skipped_at_another(tmp_path: Path) -> None:
    skip = "# checkov:skip=CKV_NGINX_CUSTOM_10:until they are replaced"
    seen = f"server {{ location / {{\n{_PASS} {skip}\nproxy_ssl_protocols TLSv1.1;\n}} }}"
    text = f"http {{\nproxy_ssl_protocols TLSv1;\ninclude missing.conf;\n{seen} }}"
    assert [(one.start_line, one.result.value) for one in outcomes(tmp_path, text, "10")] == [
        (2, "FAILED"),
        (6, "SKIPPED"),
    ]
