"""What bundles say, and rule 08's use of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checkov.common.models.enums import CheckResult

from checkov_nginx_tls.analysis import analyse
from checkov_nginx_tls.certificates import has_intermediate

if TYPE_CHECKING:
    from pathlib import Path

    from oracle_certificates import Certificates

CONFIG = """
server {{
    listen 80;
    proxy_ssl_verify on;
    proxy_ssl_verify_depth {depth};
    proxy_ssl_trusted_certificate {bundle};
    location / {{ proxy_pass https://backend.example.com; }}
}}
"""


def test_an_intermediate_is_a_ca_that_another_one_signed(certificates: Certificates) -> None:
    assert has_intermediate(certificates.file("intermediate_only.pem").read_bytes())
    assert not has_intermediate(certificates.file("root.pem").read_bytes())
    assert not has_intermediate(certificates.file("trusted.pem").read_bytes())
    assert not has_intermediate(b"no certificate")


def failing(directory: Path, depth: str, bundle: str) -> set[str]:
    (directory / "a.conf").write_text(CONFIG.format(depth=depth, bundle=bundle), encoding="utf-8")
    outcomes = analyse(str(directory)).outcomes
    return {outcome.resource for outcome in outcomes if outcome.result is CheckResult.FAILED}


def test_depth_zero_fails_with_a_known_intermediate(certificates: Certificates, tmp_path: Path) -> None:
    root = certificates.file("root.pem").read_bytes()
    (tmp_path / "chain.pem").write_bytes(root + certificates.file("intermediate_only.pem").read_bytes())
    (tmp_path / "root.pem").write_bytes(root)
    assert failing(tmp_path, "0", "chain.pem") == {"server(_:80).proxy_ssl_verify_depth"}
    assert failing(tmp_path, "00", "chain.pem")
    assert not failing(tmp_path, "1", "chain.pem")
    assert not failing(tmp_path, "0", "root.pem")
    assert not failing(tmp_path, "0", "/etc/elsewhere.pem")
