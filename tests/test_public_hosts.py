"""Which hosts are on the public internet."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from checkov.common.models.enums import CheckResult
from publicsuffixlist import PSLFILE, PublicSuffixList

from checkov_nginx_tls.analysis import analyse
from checkov_nginx_tls.public_hosts import is_public, public_suffixes

if TYPE_CHECKING:
    from checkov_nginx_tls.analysis import Outcome

PUBLIC = """
api.vendor.io API.Vendor.IO api.vendor.io. vendor.io vendor.com vendor.co.uk api.vendor.dev www.city.kawasaki.jp
m\u00fcnchen.de xn--mnchen-3ya.de under_score.vendor.com
herokuapp.com shop.herokuapp.com vendor.github.io bucket.s3.amazonaws.com web-12.eu-west-1.elb.amazonaws.com
interns.vendor.io localnews.com printer.vendor.io
8.8.8.8 1.1.1.1 9.9.9.9 [2606:4700:4700::1111] 2606:4700:4700::1111 [::ffff:8.8.8.8]
""".split()

NOT_PUBLIC = """
localhost backend com app api.localhost
printer.local nas.lan metadata.google.internal host.docker.internal nas.home.arpa web.corp
db.test www.example db.invalid
web.shop.svc web.shop.svc.cluster.local web.service.consul 4.3.2.1.in-addr.arpa something.onion
example.com www.example.com EXAMPLE.NET. a.b.example.org
web.dev web.app api.prod api.qa web.ci queue.services
api.internal.vendor.io internal.vendor.io api-internal.vendor.io db.int.vendor.com web.corp.vendor.com git.lan.vendor.de
internal-web-12.eu-west-1.elb.amazonaws.com vpc-search-abc.us-east-1.es.amazonaws.com
127.0.0.1 127.8.9.10 0.0.0.0 10.1.2.3 172.16.0.1 172.31.255.255 192.168.0.1 100.64.0.1 100.127.255.254 169.254.169.254
192.0.2.1 198.51.100.1 203.0.113.255 198.18.0.1 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255
[::1] [::] [fe80::1] [fd12::1] [fec0::1] [ff02::1] [2001:db8::1] [3fff::1] [::ffff:10.0.0.1] [::ffff:127.0.0.1]
127.1 0x7f000001 2130706433 256.1.1.1 a..vendor. .io . [ [] - unix
""".split()


@pytest.mark.parametrize("host", PUBLIC)
def test_public(host: str) -> None:
    assert is_public(host)


@pytest.mark.parametrize("host", ["", *NOT_PUBLIC])
def test_not_public(host: str) -> None:
    assert not is_public(host)


def test_a_top_level_domain_has_the_suffixes_that_it_has_in_the_whole_list() -> None:
    whole = PublicSuffixList(accept_unknown=False)
    rules = [line for line in Path(PSLFILE).read_text(encoding="utf-8").splitlines() if line[:2] not in ("", "//")]
    names = [rule.split()[0].replace("*", "any").lstrip("!") for rule in rules]
    asked = [name for name in names if len(name.split(".")) < 3 or name.endswith((".jp", ".ck", "\u0440\u0444"))]
    assert len(asked) > 2000
    for name in asked:
        for spelling in (name, name.encode("idna").decode("ascii")):
            host = f"www.site.{spelling}"
            assert public_suffixes(host.rpartition(".")[2]).publicsuffix(host) == whole.publicsuffix(host), host


@pytest.mark.parametrize(
    ("target", "is_read"),
    [
        ("http://backend:8080", False),
        ("http://10.0.0.1", False),
        ("http://8.8.8.8", False),
        ("http://www.example.com", False),
        ("https://api.vendor.io", False),
        ("http://api.vendor.io", True),
    ],
)
def test_the_list_is_read_only_where_it_decides(tmp_path: Path, target: str, is_read: bool) -> None:
    (tmp_path / "web.conf").write_text(f"location / {{ proxy_pass {target}; }}\n", encoding="utf-8")
    program = f"""
import sys
from checkov_nginx_tls.analysis import analyse
assert analyse({str(tmp_path)!r}).outcomes
sys.exit("publicsuffixlist" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == is_read


def outcomes(directory: Path, text: str) -> list[Outcome]:
    (directory / "web.conf").write_text(text, encoding="utf-8")
    return [one for one in analyse(str(directory)).outcomes if one.check.id == "CKV_NGINX_CUSTOM_14"]


def test_a_finding_names_the_servers_that_are_public(tmp_path: Path) -> None:
    servers = "server 10.0.0.1; server a.vendor.io; server b.vendor.io:81; server c.vendor.io down; server 8.8.8.8;"
    text = f"upstream backend {{\n{servers}\n}}\nserver {{ location / {{ grpc_pass backend; }} }}"
    (outcome,) = outcomes(tmp_path, text)
    assert outcome.start_line == 4
    for said in ("a.vendor.io (web.conf:2)", "b.vendor.io (web.conf:2)", "8.8.8.8 (web.conf:2)", "grpcs://"):
        assert said in outcome.message
    assert "10.0.0.1" not in outcome.message
    assert "c.vendor.io" not in outcome.message
    assert outcome.guideline == "https://nginx.org/en/docs/http/ngx_http_grpc_module.html#grpc_pass"


@pytest.mark.parametrize(
    ("target", "result"),
    [
        ("http://api.vendor.io", CheckResult.FAILED),
        ("https://api.vendor.io", CheckResult.PASSED),
        ("http://10.0.0.1", CheckResult.PASSED),
        ("{{ scheme }}://api.vendor.io", CheckResult.UNKNOWN),
        ("{{ scheme }}://10.0.0.1", CheckResult.PASSED),
        ("http://{{ host }}", None),
        ("http://$host", None),
    ],
)
def test_verdicts(tmp_path: Path, target: str, result: CheckResult | None) -> None:
    found = outcomes(tmp_path, f"location / {{ proxy_pass {target}; }}\n")
    assert [one.result for one in found] == ([result] if result is not None else [])
