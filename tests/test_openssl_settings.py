"""Rules 09 to 11 where a value that decides is not known, and what their findings say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from checkov.common.models.enums import CheckResult

from checkov_nginx_tls.analysis import Outcome, analyse

if TYPE_CHECKING:
    from pathlib import Path

SNI, VERSIONS, CIPHERS = (f"CKV_NGINX_CUSTOM_{number}" for number in ("09", "10", "11"))

_ON = "proxy_ssl_verify on; proxy_ssl_trusted_certificate ca.pem;"
_PASS = "proxy_pass https://backend.example.com;"


def outcomes(directory: Path, text: str, check_id: str) -> list[Outcome]:
    file = directory / "a.conf"
    file.write_text(text, encoding="utf-8")
    analysis = analyse(None, [str(file)])
    assert not analysis.problems
    return [outcome for outcome in analysis.outcomes if outcome.check.id == check_id]


def either(test: str, yes: str, no: str = "") -> str:
    other = f"{{% else %}}{no}" if no else ""
    return f"{{% if {test} %}}{yes}{other}{{% endif %}}"


VERDICTS = (
    # the flag
    (SNI, f"{_ON} {_PASS}", "FAILED"),
    (SNI, f"{_ON} {_PASS} proxy_ssl_server_name on;", "PASSED"),
    (SNI, f"{_ON} {_PASS} proxy_ssl_server_name {{{{ sni }}}};", "UNKNOWN"),
    (SNI, f"{_ON} {_PASS} {either('a', 'proxy_ssl_server_name on;')}", "UNKNOWN"),
    (SNI, f"{_ON} {_PASS} {either('a', 'proxy_ssl_server_name on;', 'proxy_ssl_server_name on;')}", "PASSED"),
    (SNI, f"{_ON} {_PASS} {either('a', 'proxy_ssl_server_name off;', 'proxy_ssl_server_name off;')}", "FAILED"),
    (SNI, f"{_ON} {_PASS} {either('a', 'proxy_ssl_server_name off;')}", "FAILED"),
    (SNI, f"{_ON} {_PASS} include /etc/nginx/missing.conf;", "FAILED"),
    # without a bundle nginx does not start, which rule 02 says
    (SNI, f"proxy_ssl_verify on; {_PASS}", ""),
    (SNI, f"proxy_ssl_verify on; {_PASS} include missing.conf;", ""),
    (SNI, f"proxy_ssl_verify on; {_PASS} {either('a', 'proxy_ssl_trusted_certificate ca.pem;')}", ""),
    # the name
    (SNI, f"{_ON} proxy_pass https://{{{{ host }}}};", "UNKNOWN"),
    (SNI, f"{_ON} proxy_pass https://{{{{ host }}}}.example.com;", "FAILED"),
    (SNI, f"{_ON} proxy_pass https://10.0.0.{{{{ host }}}};", "UNKNOWN"),
    (SNI, f"{_ON} proxy_pass https://$arg_address.10;", ""),
    (SNI, f"{_ON} proxy_pass https://$unknown_here;", "UNKNOWN"),
    (SNI, f"{_ON} proxy_pass https://$host;", ""),
    (SNI, f"{_ON} proxy_pass https://$host; proxy_ssl_server_name on;", ""),
    (SNI, f"{_ON} proxy_pass {{{{ url }}}};", "UNKNOWN"),
    (SNI, f"{_ON} proxy_pass {{{{ scheme }}}}://backend.example.com;", "UNKNOWN"),
    (SNI, f"{_ON} proxy_pass {{{{ scheme }}}}://backend.example.com; proxy_ssl_server_name on;", ""),
    (SNI, f"proxy_ssl_verify {{{{ verify }}}}; {_PASS}", ""),
    # versions
    (VERSIONS, _PASS, "PASSED"),
    (VERSIONS, f"{_PASS} proxy_ssl_protocols {{{{ protocols }}}};", "UNKNOWN"),
    (VERSIONS, f"{_PASS} proxy_ssl_protocols TLSv1.2 ${{MORE}};", "UNKNOWN"),
    (VERSIONS, f"{_PASS} proxy_ssl_conf_command Protocol {{{{ protocols }}}};", "UNKNOWN"),
    (VERSIONS, f"{_PASS} proxy_ssl_conf_command {{{{ command }}}} ALL;", "UNKNOWN"),
    (VERSIONS, f"{_PASS} proxy_ssl_conf_command CipherString {{{{ ciphers }}}};", "PASSED"),
    (VERSIONS, f"{_PASS} {either('a', 'proxy_ssl_protocols TLSv1;')}", "UNKNOWN"),
    (VERSIONS, f"{_PASS} {either('a', 'proxy_ssl_protocols TLSv1.2;')}", "PASSED"),
    (VERSIONS, f"{_PASS} {either('a', 'proxy_ssl_protocols TLSv1;', 'proxy_ssl_protocols TLSv1.2;')}", "UNKNOWN"),
    (VERSIONS, f"{_PASS} proxy_ssl_protocols TLSv1; {either('a', 'proxy_ssl_protocols TLSv1.2;')}", "FAILED"),
    (VERSIONS, f"{either('a', _PASS)} {either('a', 'proxy_ssl_protocols TLSv1;')}", "FAILED"),
    (VERSIONS, f"{either('a', _PASS)} {either('not a', 'proxy_ssl_protocols TLSv1;')}", "PASSED"),
    (
        VERSIONS,
        _PASS + either("a", "proxy_ssl_protocols TLSv1;") + either("a", "proxy_ssl_conf_command MinProtocol TLSv1.2;"),
        "PASSED",
    ),
    (
        VERSIONS,
        either("b", "proxy_ssl_protocols TLSv1;")
        + f" location /a {{ {_PASS} {either('a', 'proxy_ssl_protocols TLSv1;')} }}",
        "UNKNOWN",
    ),
    (VERSIONS, "proxy_pass {{ url }}; proxy_ssl_protocols TLSv1;", "UNKNOWN"),
    (VERSIONS, "proxy_pass {{ url }}; proxy_ssl_protocols TLSv1.2;", ""),
    (VERSIONS, "proxy_pass https://a.example.com; return 204; proxy_ssl_protocols TLSv1;", ""),
    (
        VERSIONS,
        _PASS + "".join(either(f"a{number}", "proxy_ssl_protocols TLSv1;") for number in range(7)),
        "UNKNOWN",
    ),
    # ciphers
    (CIPHERS, _PASS, "PASSED"),
    (CIPHERS, f"{_PASS} proxy_ssl_ciphers {{{{ ciphers }}}};", "UNKNOWN"),
    (CIPHERS, f"{_PASS} proxy_ssl_ciphers ALL:$more;", "UNKNOWN"),
    (CIPHERS, f"{_PASS} proxy_ssl_ciphers [AES128-SHA|AES256-SHA];", "UNKNOWN"),
    (CIPHERS, f"{_PASS} proxy_ssl_conf_command CipherString {{{{ ciphers }}}};", "UNKNOWN"),
    (CIPHERS, f"{_PASS} proxy_ssl_conf_command Ciphersuites {{{{ ciphers }}}};", "UNKNOWN"),
    (CIPHERS, f"{_PASS} {either('a', 'proxy_ssl_ciphers ALL;')}", "UNKNOWN"),
    (CIPHERS, f"{_PASS} {either('a', 'proxy_ssl_ciphers HIGH:!aNULL;', 'proxy_ssl_ciphers DEFAULT;')}", "PASSED"),
    (CIPHERS, f"{_PASS} proxy_ssl_ciphers ALL; proxy_ssl_protocols {{{{ protocols }}}};", "FAILED"),
    (CIPHERS, "proxy_pass {{ url }}; proxy_ssl_ciphers ALL;", "UNKNOWN"),
)


@pytest.mark.parametrize(("check_id", "inside", "verdict"), VERDICTS)
def test_verdicts(tmp_path: Path, check_id: str, inside: str, verdict: str) -> None:
    found = outcomes(tmp_path, f"location / {{ {inside} }}\n", check_id)
    assert {outcome.result.value for outcome in found} == {verdict} - {""}
    assert all(outcome.message for outcome in found if outcome.result is not CheckResult.PASSED)


MESSAGES = (
    (SNI, f"{_ON} {_PASS}", ["not set", '"backend.example.com"', "Set proxy_ssl_server_name to on"]),
    (SNI, f"{_ON} proxy_pass https://192.0.2.1; proxy_ssl_name a.example.com;", ['"a.example.com"']),
    (SNI, f"{_ON} {_PASS} include missing.conf;", ['Not in the scanned tree, and so not looked at: "missing.conf"']),
    (VERSIONS, f"{_PASS} proxy_ssl_protocols SSLv3 TLSv1 TLSv1.2;", ["SSLv3, TLSv1.", "TLSv1.2 TLSv1.3"]),
    (VERSIONS, f"{_PASS} proxy_ssl_conf_command Protocol ALL;", ["SSLv3, TLSv1, TLSv1.1.", "Remove it"]),
    (CIPHERS, f"{_PASS} proxy_ssl_ciphers RC4:HIGH;", ["aNULL", "RC4 lets in", "HIGH lets in ADH-AES128-SHA"]),
    (CIPHERS, f"{_PASS} proxy_ssl_ciphers AES256-SHA:RC4-SHA;", ["(RC4-SHA)", "Write proxy_ssl_ciphers HIGH:!aNULL"]),
    (CIPHERS, f"{_PASS} proxy_ssl_ciphers DEFAULT@SECLEVEL=0;", ["security level to 0"]),
    (
        CIPHERS,
        f"{_PASS} proxy_ssl_conf_command CipherString ALL@SECLEVEL=0;",
        ["3DES", "security level to 0", "Write proxy_ssl_conf_command CipherString HIGH"],
    ),
    (CIPHERS, f"{_PASS} proxy_ssl_conf_command Ciphersuites TLS_SHA256_SHA256;", ["TLS_SHA256_SHA256", "Remove it"]),
)


@pytest.mark.parametrize(("check_id", "inside", "parts"), MESSAGES)
def test_a_finding_says_what_decides_and_what_to_write(
    tmp_path: Path, check_id: str, inside: str, parts: list[str]
) -> None:
    (outcome,) = outcomes(tmp_path, f"location / {{ {inside} }}\n", check_id)
    assert "a.conf:1" in outcome.message
    assert [part for part in parts if part not in outcome.message] == []


def test_a_finding_leads_to_the_page_of_its_own_module(tmp_path: Path) -> None:
    text = "location / { grpc_pass grpcs://a.example.com; grpc_ssl_ciphers ALL; grpc_ssl_protocols TLSv1; }"
    for check_id, setting in ((VERSIONS, "protocols"), (CIPHERS, "ciphers")):
        (outcome,) = outcomes(tmp_path, text, check_id)
        assert outcome.guideline == f"https://nginx.org/en/docs/http/ngx_http_grpc_module.html#grpc_ssl_{setting}"
        assert outcome.resource == f"location(/).grpc_ssl_{setting}"
