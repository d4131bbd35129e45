"""What ``checkov-nginx-tls monitor`` writes, given to the real Prometheus, promtool, blackbox exporter and nginx."""

from __future__ import annotations

import datetime as dt
import json
import re
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import yaml

from checkov_nginx_tls.cli import main
from oracle_certificates import BACKEND_NAME, EXPIRING_DAYS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from nginx_oracle import Oracle
    from oracle_backends import Backends
    from oracle_certificates import Certificates

PROMETHEUS, PROMTOOL, EXPORTER = (
    shutil.which(name) for name in ("prometheus", "promtool", "prometheus-blackbox-exporter")
)
JOB = "nginx-upstream-tls"
DAY = 24 * 3600
START_SECONDS = 20.0
ANSWER_SECONDS = 60.0

needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="no promtool here: install Debian's prometheus")
needs_exporter = pytest.mark.skipif(EXPORTER is None, reason="install Debian's prometheus-blackbox-exporter")


class Watched(NamedTuple):
    """A directory of generated files, and where the exporter that it is made for listens."""

    directory: Path
    port: int

    @property
    def targets(self) -> list[dict[str, Any]]:
        targets: list[dict[str, Any]] = json.loads((self.directory / "targets.json").read_text(encoding="utf-8"))
        return targets

    def labels(self, location: str, probe: str) -> dict[str, str]:
        """The labels with which Prometheus sees one target."""
        (found,) = (
            one for one in self.targets if one["labels"]["location"] == location and one["labels"]["probe"] == probe
        )
        return {**found["labels"], "instance": found["targets"][0], "job": JOB}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def running(command: Sequence[str], port: int, log: Path) -> Iterator[None]:
    """A server that listens on ``port``; what it says is in ``log``."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _listens(port):
            assert process.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as answer:  # noqa: S310  # a server of this test
        text: str = answer.read().decode("utf-8")
        return text


def location(name: str, settings: str, address: str) -> str:
    return f"location /{name} {{ {settings} proxy_pass https://{address}; }}"


UPSTREAMS = ("trusted", "expiring", "expired", "impostor", "wrong_name", "intermediate", "plaintext")


@pytest.fixture(scope="module")
def watched(certificates: Certificates, backends: Backends, tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """Files for upstreams with all sorts of certificates, one in each location, which has the name of its identity."""
    tree = tmp_path_factory.mktemp("tree")
    bundle = certificates.file("root.pem")
    verified = f"proxy_ssl_verify on; proxy_ssl_trusted_certificate {bundle}; proxy_ssl_name {BACKEND_NAME};"
    named = verified + "proxy_ssl_server_name on;"
    locations = [location(name, named, f"127.0.0.1:{backends.ports[name]}") for name in UPSTREAMS]
    locations += [
        location("closed", named, f"127.0.0.1:{free_port()}"),
        location("without_name", verified, f"localhost:{backends.ports['trusted']}"),
        location("unverified", f"proxy_ssl_name {BACKEND_NAME};", f"backend.invalid:{backends.ports['expiring']}"),
        location(
            "old_authority", named.replace("root.pem", "root_expiring.pem"), f"localhost:{backends.ports['trusted']}"
        ),
        location("no_bundle", named.replace("root.pem", "missing.pem"), f"localhost:{backends.ports['trusted']}"),
    ]
    text = f"events {{}} http {{ server {{ listen 80; server_name app.test; {' '.join(locations)} }} }}"
    (tree / "nginx.conf").write_text(text, encoding="utf-8")
    port = free_port()
    assert main(["monitor", str(tree), "--output", str(tree / "out"), "--exporter", f"127.0.0.1:{port}"]) == 0
    return Watched(tree / "out", port)


@pytest.fixture(scope="module")
def exporter(watched: Watched) -> Iterator[Watched]:
    assert EXPORTER is not None
    command = [EXPORTER, f"--config.file={watched.directory}/blackbox.yml"]
    command.append(f"--web.listen-address=127.0.0.1:{watched.port}")
    with running(command, watched.port, watched.directory / "exporter.log"):
        yield watched


# ------------------------------------------------------------------------------------------- promtool


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    assert PROMTOOL is not None
    return subprocess.run([PROMTOOL, *map(str, arguments)], check=False, capture_output=True, text=True)


@needs_promtool
def test_promtool_accepts_configuration_and_rules(watched: Watched) -> None:
    config = promtool("check", "config", watched.directory / "prometheus-scrape.yml")
    assert (config.returncode, config.stderr) == (0, "")
    rules = promtool("check", "rules", watched.directory / "alerts.yml")
    assert rules.returncode == 0, rules.stderr
    assert "6 rules found" in rules.stdout


@needs_exporter
def test_the_exporter_accepts_its_modules(watched: Watched) -> None:
    command = [str(EXPORTER), "--config.check", f"--config.file={watched.directory}/blackbox.yml"]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0


class Series(NamedTuple):
    """A series of promtool's with one value all the time."""

    metric: str
    labels: Mapping[str, str]
    value: float

    def as_input(self) -> dict[str, str]:
        labels = ", ".join(f"{name}={json.dumps(value)}" for name, value in self.labels.items())
        return {"series": f"{self.metric}{{{labels}}}", "values": f"{self.value}x100"}


def fired(watched: Watched, directory: Path, series: Sequence[Series], minutes: int = 40) -> dict[str, dict[str, str]]:
    """The labels and annotations of the alerts that fire after some minutes of these series, by name.

    promtool shows what fires where it is not what is expected, and so nothing is said to be.
    """
    rules = watched.directory / "alerts.yml"
    names = re.findall(r"alert: (\w+)", rules.read_text(encoding="utf-8"))
    test = {
        "interval": "1m",
        "input_series": [one.as_input() for one in series],
        "alert_rule_test": [{"eval_time": f"{minutes}m", "alertname": name, "exp_alerts": []} for name in names],
    }
    path = directory / "test.yml"
    path.write_text(yaml.safe_dump({"rule_files": [str(rules)], "tests": [test]}), encoding="utf-8")
    result = promtool("test", "rules", path)
    found: dict[str, dict[str, str]] = {}
    for text in re.split(r"^ *alertname: ", result.stdout + result.stderr, flags=re.MULTILINE)[1:]:
        assert text.count("Labels:") == 1, text
        # Go quotes what is in these texts as JSON does.
        pairs = re.findall(r'(\w+)=("(?:[^"\\]|\\.)*")', text)
        found[text.partition(",")[0]] = {key: json.loads(value) for key, value in pairs}
    assert bool(found) == (result.returncode != 0), result
    return found


def expiry(watched: Watched, days: float, place: str = "/trusted", probe: str = "verification") -> Series:
    metrics = {
        "verification": "probe_ssl_last_chain_expiry_timestamp_seconds",
        "certificate": "probe_ssl_earliest_cert_expiry",
    }
    return Series(metrics[probe], watched.labels(place, probe), days * DAY)


def success(watched: Watched, verification: int, certificate: int, place: str = "/trusted") -> list[Series]:
    return [
        Series("probe_success", watched.labels(place, "verification"), verification),
        Series("probe_success", watched.labels(place, "certificate"), certificate),
    ]


WITHIN_30, WITHIN_7 = "NginxUpstreamCertificateExpiresWithin30Days", "NginxUpstreamCertificateExpiresWithin7Days"
BOTH = {WITHIN_30, WITHIN_7}


@needs_promtool
@pytest.mark.parametrize(
    ("days", "expected"), [(31, set()), (29, {WITHIN_30}), (8, {WITHIN_30}), (6, BOTH), (-1, BOTH)]
)
def test_a_certificate_that_expires_fires_in_time(
    days: int, expected: set[str], watched: Watched, tmp_path: Path
) -> None:
    for series in (expiry(watched, days), expiry(watched, days, "/unverified", "certificate")):
        alerts = fired(watched, tmp_path, [series, *success(watched, 1, 1)])
        assert set(alerts) == expected
        for alert in alerts.values():
            assert alert["location"] == series.labels["location"]
            assert (alert["file"], alert["server"]) == ("nginx.conf", "app.test:80")
            assert alert["module"] == series.labels["module"]
        if WITHIN_7 in alerts:
            verified = series.labels["verified"] == "true"
            assert alerts[WITHIN_7]["severity"] == ("critical" if verified else "warning")
            word = "has expired" if days < 0 else "expires in 5d 23h"
            assert word in alerts[WITHIN_7]["summary"]
            assert ("What breaks: server app.test:80, location /trusted" in alerts[WITHIN_7]["description"]) == verified


@needs_promtool
def test_the_chain_that_is_verified_decides_and_else_what_the_server_sends(watched: Watched, tmp_path: Path) -> None:
    sent = expiry(watched, 5, probe="certificate")
    # A server may send an old intermediate that nobody needs.
    assert set(fired(watched, tmp_path, [sent, expiry(watched, 100), *success(watched, 1, 1)])) == set()
    # The chain may end in a CA that expires first.
    assert set(fired(watched, tmp_path, [expiry(watched, 300, probe="certificate"), expiry(watched, 20)])) == {
        WITHIN_30
    }
    # Where nothing is accepted there is no verified chain.
    assert set(fired(watched, tmp_path, [sent, *success(watched, 0, 1)])) == {*BOTH, "NginxUpstreamVerificationFails"}
    # An exporter that does not verify says that its verified chain ended long ago.
    unverified = Series(
        "probe_ssl_last_chain_expiry_timestamp_seconds", watched.labels("/trusted", "certificate"), -6e10
    )
    assert set(fired(watched, tmp_path, [unverified, expiry(watched, 100), *success(watched, 1, 1)])) == set()


@needs_promtool
def test_down_is_told_from_not_accepted(watched: Watched, tmp_path: Path) -> None:
    refused = fired(watched, tmp_path, success(watched, 0, 1))
    assert set(refused) == {"NginxUpstreamVerificationFails"}
    description = refused["NginxUpstreamVerificationFails"]["description"]
    labels = watched.labels("/trusted", "verification")
    query = f"debug=true&module={labels['module']}&target={labels['instance']}"
    assert f"curl -g 'http://127.0.0.1:{watched.port}/probe?{query}'" in description
    down = fired(watched, tmp_path, success(watched, 0, 0))
    assert set(down) == {"NginxUpstreamProbeFails"}
    assert (
        "What uses it: server app.test:80, location /trusted (nginx.conf)"
        in down["NginxUpstreamProbeFails"]["description"]
    )
    assert fired(watched, tmp_path, success(watched, 0, 1), minutes=4) == {}
    assert fired(watched, tmp_path, success(watched, 0, 0), minutes=4) == {}


@needs_promtool
def test_an_exporter_that_does_not_answer_is_noticed(watched: Watched, tmp_path: Path) -> None:
    up = [Series("up", watched.labels(place, "verification"), 0) for place in ("/trusted", "/expiring")]
    alerts = fired(watched, tmp_path, up)
    assert set(alerts) == {"NginxUpstreamNotProbed"}
    assert alerts["NginxUpstreamNotProbed"]["summary"] == "2 upstream probes give no answer"
    assert fired(watched, tmp_path, [Series("up", one.labels, 1) for one in up]) == {}


@needs_promtool
@pytest.mark.parametrize(
    ("place", "prints", "expected"),
    [
        ("/without_name", ("aa", "bb"), {"NginxUpstreamCertificateNeedsSni"}),
        ("/without_name", ("aa", None), {"NginxUpstreamCertificateNeedsSni"}),
        ("/without_name", ("aa", "aa"), set()),
        ("/without_name", (None, "aa"), set()),
        ("/trusted", ("aa", "bb"), set()),  # nginx asks as the exporter does: the upstream changes certificates
    ],
)
def test_a_certificate_that_only_sni_shows_is_noticed(
    place: str, prints: tuple[str | None, str | None], expected: set[str], watched: Watched, tmp_path: Path
) -> None:
    series = [
        Series("probe_ssl_last_chain_info", {**watched.labels(place, probe), "fingerprint_sha256": print_}, 1)
        for probe, print_ in zip(("verification", "certificate"), prints)
        if print_ is not None
    ]
    assert set(fired(watched, tmp_path, series)) == expected


@needs_promtool
def test_what_stands_in_a_label_is_no_template(watched: Watched, tmp_path: Path) -> None:
    odd = '~ "^/{{ $value }}\\d$"'
    series = [
        Series(one.metric, {**one.labels, "blocks": f"location {odd}"}, one.value) for one in success(watched, 0, 0)
    ]
    (alert,) = fired(watched, tmp_path, series).values()
    assert f"What uses it: location {odd}\n" in alert["description"]


# -------------------------------------------------------------------------------- the blackbox exporter


def probe(watched: Watched, place: str, kind: str) -> dict[str, float]:
    """The metrics of one target, those with labels under their bare names."""
    labels = watched.labels(place, kind)
    query = urllib.parse.urlencode({"module": labels["module"], "target": labels["instance"]})
    lines = get(f"http://127.0.0.1:{watched.port}/probe?{query}").splitlines()
    metrics = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name.partition("{")[0]: float(value) for name, value in metrics}


@needs_exporter
@pytest.mark.parametrize(
    ("name", "verification", "certificate", "days"),
    [
        ("trusted", 1, 1, 300),
        ("intermediate", 1, 1, 300),
        ("expiring", 1, 1, EXPIRING_DAYS),
        ("expired", 0, 1, -1),
        ("impostor", 0, 1, 300),
        ("wrong_name", 0, 1, 300),
        ("without_name", 1, 1, 300),
        ("no_bundle", 0, 1, 300),
        ("plaintext", 0, 0, None),
        ("closed", 0, 0, None),
    ],
)
def test_the_exporter_sees_each_upstream_as_it_is(
    name: str, verification: int, certificate: int, days: int | None, exporter: Watched
) -> None:
    """``days`` is how long the certificates that the server sends are valid."""
    verified, read = probe(exporter, f"/{name}", "verification"), probe(exporter, f"/{name}", "certificate")
    assert (verified["probe_success"], read["probe_success"]) == (verification, certificate)
    now = dt.datetime.now(dt.timezone.utc).timestamp()
    if verification:
        assert days is not None
        assert abs(verified["probe_ssl_last_chain_expiry_timestamp_seconds"] - now - days * DAY) < DAY
    else:
        assert "probe_ssl_last_chain_expiry_timestamp_seconds" not in verified
    if days is None:
        assert "probe_ssl_earliest_cert_expiry" not in read
    else:
        assert abs(read["probe_ssl_earliest_cert_expiry"] - now - days * DAY) < DAY


@needs_exporter
def test_the_authority_at_the_end_of_the_chain_counts(exporter: Watched) -> None:
    metrics = probe(exporter, "/old_authority", "verification")
    assert metrics["probe_success"] == 1
    left = metrics["probe_ssl_earliest_cert_expiry"] - metrics["probe_ssl_last_chain_expiry_timestamp_seconds"]
    assert abs(left - (300 - EXPIRING_DAYS) * DAY) < DAY


@needs_exporter
@pytest.mark.parametrize(("place", "sent"), [("/trusted", BACKEND_NAME), ("/without_name", None)])
def test_the_exporter_reads_the_certificate_with_the_name_that_nginx_sends(
    place: str, sent: str | None, exporter: Watched, backends: Backends
) -> None:
    backends.clear()
    probe(exporter, place, "certificate")
    assert [one.server_name for one in backends.connections()] == [sent]
    backends.clear()
    probe(exporter, place, "verification")
    assert [one.server_name for one in backends.connections()] == [BACKEND_NAME]


@needs_exporter
@pytest.mark.oracle
@pytest.mark.parametrize("name", ["trusted", "expiring", "expired", "impostor", "wrong_name", "intermediate"])
def test_the_exporter_verifies_as_nginx_does(name: str, exporter: Watched, newest_oracle: Oracle) -> None:
    settings = f"proxy_ssl_verify on; proxy_ssl_trusted_certificate <root.pem>; proxy_ssl_name {BACKEND_NAME};"
    config = f"events {{}} http {{ server {{ listen <listen>; {location('', settings, '<target>')} }} }}"
    reached = newest_oracle.judge(config, identities=(name,)).reached
    assert (name in reached) == bool(probe(exporter, f"/{name}", "verification")["probe_success"])


PORTS = {
    "https": ("http", "server { location / { proxy_pass https://127.0.0.1; } }", True),
    "member": ("http", "upstream g { server 127.0.0.1; } server { location / { grpc_pass grpcs://g; } }", True),
    "grpc": ("http", "server { location / { grpc_pass grpcs://127.0.0.1; } }", False),
    "uwsgi": ("http", "server { location / { uwsgi_pass suwsgi://127.0.0.1; } }", False),
    "stream": ("stream", "server { listen <listen>; proxy_ssl on; proxy_pass 127.0.0.1; }", False),
    "stream_member": (
        "stream",
        "upstream g { server 127.0.0.1; } server { listen <listen>; proxy_ssl on; proxy_pass g; }",
        False,
    ),
}


@pytest.mark.oracle
@pytest.mark.parametrize("name", PORTS)
def test_nginx_knows_a_port_where_the_targets_have_one(name: str, newest_oracle: Oracle, tmp_path: Path) -> None:
    family, text, expected = PORTS[name]
    config = f"events {{}} {family} {{ {text} }}"
    checked = newest_oracle.check(config)
    assert checked.starts == expected
    assert ("no port in upstream" in checked.message) != expected
    verify = "proxy_ssl_verify on; proxy_ssl_trusted_certificate x; proxy_ssl_name a.test;"
    settings = verify + verify.replace("proxy_", "grpc_") + verify.replace("proxy_", "uwsgi_")
    text = text.replace("server {", f"server {{ {verify if family == 'stream' else settings}").replace("<listen>", "1")
    (tmp_path / "nginx.conf").write_text(f"events {{}} {family} {{ {text} }}", encoding="utf-8")
    assert main(["monitor", str(tmp_path), "--output", str(tmp_path / "out")]) == 0
    assert bool(Watched(tmp_path / "out", 0).targets) == expected


# ------------------------------------------------------------------------------------------- Prometheus

EXPECTED = {
    ("NginxUpstreamCertificateExpiresWithin30Days", "firing", "/old_authority"),
    ("NginxUpstreamCertificateExpiresWithin30Days", "firing", "/expiring"),
    ("NginxUpstreamCertificateExpiresWithin30Days", "firing", "/expired"),
    ("NginxUpstreamCertificateExpiresWithin7Days", "firing", "/expired"),
    ("NginxUpstreamVerificationFails", "pending", "/expired"),
    ("NginxUpstreamVerificationFails", "pending", "/impostor"),
    ("NginxUpstreamVerificationFails", "pending", "/wrong_name"),
    ("NginxUpstreamVerificationFails", "pending", "/no_bundle"),
    ("NginxUpstreamProbeFails", "pending", "/plaintext"),
    ("NginxUpstreamProbeFails", "pending", "/closed"),
    ("NginxUpstreamProbeFails", "pending", "/unverified"),  # its name does not resolve
}


@needs_exporter
@pytest.mark.skipif(PROMETHEUS is None, reason="no prometheus here: install Debian's prometheus")
def test_prometheus_probes_by_way_of_the_exporter_and_raises_the_alerts(exporter: Watched, tmp_path: Path) -> None:
    scrape = yaml.safe_load((exporter.directory / "prometheus-scrape.yml").read_text(encoding="utf-8"))
    scrape["scrape_configs"][0] |= {"scrape_interval": "1s", "scrape_timeout": "1s"}
    config = {"global": {"evaluation_interval": "1s"}, "rule_files": ["alerts.yml"], **scrape}
    (exporter.directory / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    port = free_port()
    command = [
        str(PROMETHEUS),
        f"--config.file={exporter.directory}/prometheus.yml",
        f"--storage.tsdb.path={tmp_path}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    raised: set[tuple[str, str, str]] = set()
    with running(command, port, tmp_path / "prometheus.log"):
        deadline = time.monotonic() + ANSWER_SECONDS
        while raised != EXPECTED and time.monotonic() < deadline:
            time.sleep(0.2)
            raised = _raised(port)
    assert raised == EXPECTED


def _raised(port: int) -> set[tuple[str, str, str]]:
    """The alerts that are pending or firing, with the locations that they name."""
    alerts = json.loads(get(f"http://127.0.0.1:{port}/api/v1/alerts"))["data"]["alerts"]
    return {(one["labels"]["alertname"], one["state"], one["labels"].get("location", "")) for one in alerts}
