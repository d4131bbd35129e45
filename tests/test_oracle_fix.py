"""What ``fix`` writes, put to the real nginx: it starts, refuses impostors and serves the upstream that was meant.

``NGINX_ORACLE_CASES`` is the number of random cases (some dozens unless set), ``NGINX_ORACLE_SEED`` the seed.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from nginx_oracle import UNTRUSTED, Request
from oracle_cases import CASES
from oracle_families import FAMILIES, HTTP_PROXY, STREAM, Family
from oracle_fix import MendedCase, mended
from oracle_generator import Case as RandomCase
from oracle_generator import cases
from oracle_hello import HelloListener, weak_suites
from oracle_random import disagreements, run, scan
from test_oracle_found import FOUND
from test_oracle_rules import CASES as RULES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nginx_oracle import Judgement, Oracle
    from oracle_attack import Attack
    from oracle_cases import Case
    from oracle_fix import Mended

pytestmark = pytest.mark.oracle

_RANDOM = int(os.environ.get("NGINX_ORACLE_CASES", "25"))
_SEED = int(os.environ.get("NGINX_ORACLE_SEED", "1"))
_CONFIRMATIONS = 3
_GROUP = re.compile(r"upstream \S+ \{[^}]*\}")
_BAD_GATEWAY = 502
_TOO_CAREFUL = re.compile(r"nginx False|reached nobody it should not|refuses its upstream: False")
"""The scanner finds something that nginx does not show: that is no fault of what was written."""


def _assert_second_scan_agrees(result: Mended) -> None:
    """What is left are the findings that were refused, and a second run has nothing to do."""
    assert result.left == result.refused
    assert not result.again


def _assert_trusted_is_served(result: Mended, judgement: Judgement) -> None:
    assert judgement.result.starts, judgement.result.message
    assert _BAD_GATEWAY not in judgement.statuses("trusted"), result.template


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.name))
def test_cases(newest_oracle: Oracle, case: Case) -> None:
    result = mended(newest_oracle, case.config, case.files)
    _assert_second_scan_agrees(result)
    judgement = newest_oracle.judge(result.template, result.files, case.requests)
    if result.refused:
        assert judgement.result.starts != case.lacks_bundle
        return
    _assert_trusted_is_served(result, judgement)
    assert not judgement.reached & UNTRUSTED, result.template
    if case.unverified:
        assert result.mending.mended
        assert "trusted" in judgement.reached


ATTACKS = [*RULES, *((f"found: {case.name}", case) for case in FOUND)]


@pytest.mark.parametrize("case", [case for _name, case in ATTACKS], ids=[name for name, _case in ATTACKS])
def test_attacks(newest_oracle: Oracle, case: Attack) -> None:
    if newest_oracle.binary.version < case.since:
        pytest.skip("this version behaves otherwise")
    result = mended(newest_oracle, case.config, case.files)
    _assert_second_scan_agrees(result)
    if set(case.expected.split()) <= result.refused and not result.mending.after:
        return
    judgement = newest_oracle.judge(result.template, result.files, case.requests)
    assert judgement.result.starts, judgement.result.message
    if result.refused:
        return
    assert judgement.reached <= _admitted(result), result.template
    if case.trusted and not case.lacks_bundle:
        assert "trusted" in judgement.reached
        # A name or a path of the client's may ask for somebody else, whom the configuration verifies as well.
        assert "other.test" in result.template or _BAD_GATEWAY not in judgement.statuses("trusted"), result.template


def _admitted(result: Mended) -> set[str]:
    """The identities that a configuration admits by the bundles and names that are written in it."""
    text = _GROUP.sub("", result.template)
    others = {"impostor"} if "root_and_impostor.pem" in text else set()
    return {"trusted", *others, *({"wrong_name"} if "other.test" in text else ())}


def test_a_session_that_was_verified_with_the_larger_bundle_is_not_resumed(newest_oracle: Oracle) -> None:
    both, one = "<root_and_impostor.pem>", "<root.pem>"
    locations = "".join(
        f"location {path} {{ proxy_ssl_trusted_certificate {bundle}; proxy_pass https://<target>; }}"
        for path, bundle in (("/a", both), ("/b", one))
    )
    verified = "proxy_ssl_verify on; proxy_ssl_name backend.test; proxy_ssl_server_name on;"
    config = f"events {{}} http {{ {verified} server {{ listen <listen>; {locations} }} }}"
    requests = [Request(path) for path in ("/a", "/b", "/b", "/a", "/b")]
    reached = [one.reached for one in newest_oracle.judge(config, {}, requests, ("impostor",)).exchanges]
    assert reached[1] == {"impostor"}
    result = mended(newest_oracle, config)
    assert {outcome.check.id[-2:] for outcome in result.mending.mended} == {"07"}
    exchanges = newest_oracle.judge(result.template, {}, requests, ("impostor",)).exchanges
    assert [bool(one.reached) for one in exchanges] == [path == "/a" for path in ("/a", "/b", "/b", "/a", "/b")]


# ---------------------------------------------------------------------------------------------- what goes over the wire


@pytest.fixture(scope="module")
def listener() -> Iterator[HelloListener]:
    with HelloListener() as running:
        yield running


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: str(family.name))
@pytest.mark.parametrize(
    "inside",
    [
        "@ssl_server_name off; @ssl_protocols TLSv1 TLSv1.1 TLSv1.2; @ssl_ciphers ALL:@SECLEVEL=0;",
        "@ssl_protocols SSLv3; @ssl_conf_command CipherString NULL;",
        "@ssl_verify off; @ssl_conf_command Protocol ALL; @ssl_conf_command CipherString DEFAULT@SECLEVEL=0;",
    ],
)
def test_nginx_offers_the_name_and_no_old_versions_and_ciphers(
    newest_oracle: Oracle, listener: HelloListener, family: Family, inside: str
) -> None:
    verified = "" if "@ssl_verify" in inside else "@ssl_verify on; @ssl_trusted_certificate <root.pem>;"
    passed = (
        f"listen <listen>; proxy_ssl on; {verified} {inside} @pass backend.test;"
        if family is STREAM
        else f"listen <listen>; location / {{ {verified} {inside} @pass @tls://backend.test; }}"
    )
    result = mended(newest_oracle, family.document(f"server {{ {passed} }}"))
    assert result.left == set()
    with newest_oracle.start(result.template.replace("<target>", listener.address)) as nginx:
        nginx.request(Request())
        hello = listener.next()
    assert hello is not None
    assert hello.server_name == "backend.test"
    assert hello.versions <= {"TLSv1.2", "TLSv1.3"}
    assert not weak_suites(hello)


@pytest.mark.parametrize("target", ["http://api.vendor.io", "http://api.vendor.io/x/", '"HTTP://api.vendor.io$uri"'])
def test_plain_text_becomes_verified(newest_oracle: Oracle, target: str) -> None:
    """The name on the internet is put out of the way of the scanner, and for nginx it is that of the upstream here."""
    config = HTTP_PROXY.document(f"server {{ listen <listen>; location / {{ proxy_pass {target}; }} }}")
    result = mended(newest_oracle, config)
    assert {outcome.check.id[-2:] for outcome in result.mending.mended} == {"14"}
    assert result.left == set()
    judgement = newest_oracle.judge(result.template.replace("api.vendor.io", "backend.test"))
    assert judgement.result.starts, judgement.result.message
    assert judgement.reached == {"trusted"}


# ----------------------------------------------------------------------------------------------------------- random


class Wrong(Exception):
    """What was written is wrong."""


def _problems(oracle: Oracle, case: RandomCase, result: Mended) -> list[str]:
    """What is wrong with a mended random case, each time nginx is asked; the last line shows it."""
    found = [f"left {sorted(result.left)}, refused {sorted(result.refused)}"] if result.left != result.refused else []
    found += ["a second run changes something"] if result.again else []
    after = MendedCase(case, oracle, result)
    said: list[str] = []
    for _time in range(_CONFIRMATIONS):
        behaviour, verdict = run(oracle, after), scan(oracle, after)
        said = [one for one in disagreements(after, behaviour, verdict) if not _TOO_CAREFUL.search(one)]
        if behaviour.message and not result.refused:
            said.append(f"nginx does not start: {behaviour.message}")
        if not said:
            break
    return [*found, *said, repr(after)] if found or said else []


def test_random_configurations(newest_oracle: Oracle) -> None:
    """The scanner finds nothing but what was refused, and nginx does nothing wrong that it does not find."""

    @seed(_SEED)
    @settings(
        max_examples=_RANDOM,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases())
    def is_mended(case: RandomCase) -> None:
        before = repr(case)
        problems = _problems(newest_oracle, case, mended(newest_oracle, *case.render()))
        if problems:
            raise Wrong("\n".join([*problems, "--- before", before]))

    is_mended()
