"""The Rego policy and the scanner say the same of the same files, although the policy sees the export only."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings

from checkov_process import DEMO
from oracle_cases import CASES
from oracle_generator import Case, cases
from rego_engine import (
    Policy,
    assert_verified_is_what_the_policy_says,
    exported,
    scan,
    verdict_of,
    write_case,
)
from test_oracle_found import FOUND
from test_oracle_rules import CASES as ATTACKS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nginx_oracle import Text
    from oracle_certificates import Certificates

pytest.importorskip("regopy", reason="no Rego engine here: install regopy")

FIXTURES = sorted((Path(__file__).parent / "fixtures" / "rules").glob("*/*_*"))
_RANDOM_CASES = int(os.environ.get("REGO_RANDOM_CASES", "200"))

_TABLE: list[tuple[str, Text, Mapping[str, Text]]] = [
    *((case.name, case.config, case.files) for case in CASES),
    *((name, attack.config, attack.files) for name, attack in ATTACKS),
    *((f"found: {attack.name}", attack.config, attack.files) for attack in FOUND),
]


_ON = "proxy_ssl_verify on; proxy_ssl_trusted_certificate ca.pem;"
_STORE = "proxy_ssl_conf_command VerifyCAFile {}.pem;"
_OTHER = "proxy_ssl_conf_command CipherString DEFAULT;"
_TEMPLATES = (
    "proxy_ssl_verify {{ v }};",
    "{% if a %}\nproxy_ssl_verify off;\n{% endif %}",
    "{% if a %}\nproxy_ssl_verify off;\n{% else %}\nproxy_ssl_verify on;\n{% endif %}",
    "{% if a %}\nproxy_ssl_verify off;\n{% else %}\nproxy_ssl_verify off;\n{% endif %}",
    "proxy_ssl_verify on; proxy_ssl_trusted_certificate {{ ca }};",
    "proxy_ssl_verify on;\n{% if a %}\nproxy_ssl_trusted_certificate ca.pem;\n{% endif %}",
    "proxy_ssl_verify on; proxy_ssl_trusted_certificate '';\n{{ more }}",
    "{{ settings }}",
    f"{_ON} proxy_ssl_conf_command {{{{ name }}}} x.pem;",
    f"{_ON} proxy_ssl_conf_command {{{{ name }}}} x.pem; {_STORE.format(1)}",
    f"{_ON}\n{{% if a %}}\n{_STORE.format(1)}\n{{% else %}}\n{_STORE.format(2)}\n{{% endif %}}",
    f"{_ON}\n{{% if a %}}\n{_OTHER} {_STORE.format(1)}\n{{% else %}}\n{_OTHER}\n{{% endif %}}",
    f"{_ON}\n{{% if a %}}\n{_STORE.format(1)}\n{{% endif %}}",
    f"{_ON}\n" + "".join(f"{{% if a{n} %}}\n{_OTHER}\n{{% endif %}}\n" for n in range(9)),
    f"{_ON} proxy_ssl_name {{{{ name }}}};",
    f"{_ON} proxy_ssl_name $unknown;",
    f"{_ON} proxy_ssl_verify_depth {{{{ depth }}}};",
    "{% if a %}\nreturn 204;\n{% endif %}",
    "# checkov:skip=CKV_NGINX_CUSTOM_01:not ours\nproxy_ssl_verify {{ v }};",
)
"""What stands in a location of a template."""


@pytest.fixture(scope="module")
def policy() -> Policy:
    return Policy()


def assert_agreement(policy: Policy, root: Path | None, *files: Path) -> None:
    found = exported(root, files)
    said = [policy.findings(document) for document in found]
    assert verdict_of(said) == scan(root, files)
    for findings, document in zip(said, found):
        assert_verified_is_what_the_policy_says(findings, document)


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_on_the_fixtures_of_the_rules(policy: Policy, fixture: Path) -> None:
    if fixture.is_dir():
        assert_agreement(policy, fixture)
    else:
        assert_agreement(policy, None, fixture)


def test_on_the_demonstration(policy: Policy) -> None:
    assert_agreement(policy, DEMO)


@pytest.mark.parametrize("target", ["https://app.test", "{{ scheme }}://app.test", "https://{{ host }}", "http://$app"])
@pytest.mark.parametrize("inside", _TEMPLATES)
def test_on_templates(policy: Policy, inside: str, target: str, tmp_path: Path) -> None:
    text = f"server {{ location / {{\n{inside}\nproxy_pass {target};\n}} }}"
    (tmp_path / "app.conf.j2").write_text(text, encoding="utf-8")
    assert_agreement(policy, tmp_path)


@pytest.mark.parametrize(("config", "files"), [case[1:] for case in _TABLE], ids=[case[0] for case in _TABLE])
def test_on_the_cases_of_the_oracle(
    policy: Policy, config: Text, files: Mapping[str, Text], certificates: Certificates, tmp_path: Path
) -> None:
    write_case(tmp_path, certificates, config, files)
    assert_agreement(policy, tmp_path)


@pytest.mark.fuzz
@settings(max_examples=_RANDOM_CASES, database=None, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=cases())
def test_on_random_configurations(policy: Policy, certificates: Certificates, case: Case) -> None:
    config, files = case.render()
    with tempfile.TemporaryDirectory() as directory:
        write_case(Path(directory), certificates, config, files)
        assert_agreement(policy, Path(directory))
