"""Checks that users write: registration, and what they receive."""

from __future__ import annotations

import importlib.util
import shutil
from typing import TYPE_CHECKING, Any, Callable

import pytest
from checkov.common.models.enums import CheckCategories, CheckResult

from checkov_nginx_tls.analysis import analyse
from checkov_nginx_tls.checks import registry as registry_module
from checkov_nginx_tls.checks import upstream_sni_off
from checkov_nginx_tls.checks.base_nginx_check import BaseNginxCheck
from checkov_nginx_tls.checks.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from checkov_nginx_tls.conf import BlockConf

CONFIG = """
events {}
http {
    proxy_ssl_verify OFF;
    proxy_set_header A 1;
    server {
        listen 80;
        proxy_set_header B 1;
        proxy_set_header B 2;
        location / {
            proxy_pass https://a.example.com;
            if ($x) { return 403; }
        }
        location /own { proxy_ssl_verify on; proxy_ssl_trusted_certificate ca.pem; proxy_pass https://b.example.com; }
    }
}
"""


@pytest.fixture(autouse=True)
def _forget_user_checks() -> Iterator[None]:
    held = dict(registry_module.registry._user)
    yield
    registry_module.registry._warnings.clear()
    registry_module.registry._user.clear()
    registry_module.registry._user.update(held)


def failed(tmp_path: Path, check_id: str) -> list[str]:
    (tmp_path / "nginx.conf").write_text(CONFIG, encoding="utf-8")
    return [
        outcome.resource
        for outcome in analyse(str(tmp_path)).outcomes
        if outcome.check.id == check_id and outcome.result is CheckResult.FAILED
    ]


def test_a_check_sees_what_nginx_would_use_in_a_block(tmp_path: Path) -> None:
    seen: dict[tuple[str, str], Any] = {}

    class SeesEverything(BaseNginxCheck):
        def __init__(self) -> None:
            super().__init__(
                name="Ensure tests pass",
                id="CKV_NGINX_USER_1",
                categories=[CheckCategories.NETWORKING],
                supported_resources=["http.location", "http.if"],
            )

        def scan_resource_conf(self, conf: BlockConf) -> CheckResult:
            seen[conf.entity_type, conf["proxy_ssl_verify"][0]] = (
                conf,
                conf.origin("proxy_ssl_verify"),
                conf.all("proxy_set_header"),
            )
            return CheckResult.FAILED if conf["proxy_ssl_verify"] == ["off"] else CheckResult.PASSED

    assert failed(tmp_path, "CKV_NGINX_USER_1") == [
        "http.server(_:80).location(/)",
        "http.server(_:80).location(/).if($x)",
    ]
    conf, origin, headers = seen["http.location", "off"]
    assert origin == ("proxy_ssl_verify", "nginx.conf", 4)
    assert headers == [["B", "1"], ["B", "2"]]
    assert conf["proxy_set_header"] == ["B", "2"]
    assert "proxy_ssl_server_name" not in conf
    assert conf.origin("proxy_ssl_server_name") is None
    assert seen["http.if", "off"][0]["proxy_pass"] == ["https://a.example.com"]
    assert "return" not in conf


def test_the_form_of_the_published_article_runs(tmp_path: Path) -> None:
    class NginxProxySslVerifyOff(BaseNginxCheck):
        def __init__(self):  # type: ignore[no-untyped-def]  # noqa: ANN204  # as published
            name = "Ensure proxy_ssl_verify is not disabled"
            id = "CKV_NGINX_USER_2"  # noqa: A001
            super().__init__(name=name, check_id=id)

        def check_resource_config(self, config):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            if "proxy_ssl_verify" in config and config["proxy_ssl_verify"] == ["off"]:
                return CheckResult.FAILED, config
            return CheckResult.PASSED, config

    NginxProxySslVerifyOff()  # type: ignore[no-untyped-call, abstract]
    assert "http.server(_:80).location(/)" in failed(tmp_path, "CKV_NGINX_USER_2")


def define(check_id: str) -> Callable[[], BaseNginxCheck]:
    class Defined(BaseNginxCheck):
        def __init__(self) -> None:
            super().__init__(name="n", id=check_id, supported_resources=["http"])

        def scan_resource_conf(self, conf: BlockConf) -> CheckResult:
            return CheckResult.FAILED

    return Defined


def test_defining_registers_and_creating_changes_nothing(tmp_path: Path) -> None:
    define("CKV_NGINX_USER_3")()
    define("CKV_NGINX_USER_3")
    ids = [check.id for check in registry_module.registry.checks()]
    assert ids.count("CKV_NGINX_USER_3") == 1
    assert failed(tmp_path, "CKV_NGINX_USER_3") == ["http"]
    assert not registry_module.registry.warnings()


def test_our_ids_stay_ours(tmp_path: Path) -> None:
    define("CKV_NGINX_CUSTOM_01")
    assert failed(tmp_path, "CKV_NGINX_CUSTOM_01") == ["http.proxy_ssl_verify"]
    (warning,) = analyse(str(tmp_path)).remarks
    assert "CKV_NGINX_CUSTOM_01" in warning
    assert "choose another ID" in warning


def test_a_class_that_is_not_finished_is_not_registered() -> None:
    class Unfinished(BaseNginxCheck):
        def __init__(self) -> None:
            super().__init__(name="n", id="CKV_NGINX_USER_4")

    class NeedsArguments(BaseNginxCheck):
        def __init__(self, number: int) -> None:
            super().__init__(name="n", id=f"CKV_NGINX_USER_{number}")

        def scan_resource_conf(self, conf: BlockConf) -> CheckResult:
            return CheckResult.PASSED

    del Unfinished
    assert not {"CKV_NGINX_USER_4", "CKV_NGINX_USER_5"} & {c.id for c in registry_module.registry.checks()}
    NeedsArguments(5)
    assert "CKV_NGINX_USER_5" in {c.id for c in registry_module.registry.checks()}


def results(tmp_path: Path, tree: dict[str, str], check_id: str) -> list[tuple[str, str]]:
    for name, text in tree.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    outcomes = analyse(str(tmp_path)).outcomes
    return [(outcome.resource, outcome.result.name) for outcome in outcomes if outcome.check.id == check_id]


def test_a_skip_on_one_include_hides_no_other(tmp_path: Path) -> None:
    class NoLocation(BaseNginxCheck):
        id = "CKV_NGINX_USER_20"
        supported_resources = ("http.location",)

        def scan_resource_conf(self, conf: BlockConf) -> CheckResult:
            return CheckResult.FAILED

    tree = {
        "nginx.conf": "http {\nserver {\ninclude s.inc; # checkov:skip=CKV_NGINX_USER_20:r\n}\n"
        "server {\ninclude s.inc;\n}\n}",
        "s.inc": "location / { proxy_pass http://a; }",
    }
    assert results(tmp_path, tree, "CKV_NGINX_USER_20") == [("location(/)", "FAILED")]
    tree["nginx.conf"] = tree["nginx.conf"].replace("include s.inc;\n}\n}", "}\n}")
    assert results(tmp_path, tree, "CKV_NGINX_USER_20") == [("location(/)", "SKIPPED")]


def test_the_first_block_of_a_file_is_judged_beside_the_file(tmp_path: Path) -> None:
    class Everything(BaseNginxCheck):
        id = "CKV_NGINX_USER_21"

        def scan_resource_conf(self, conf: BlockConf) -> CheckResult:
            return CheckResult.FAILED

    tree = {"a.conf": "server { location / { proxy_pass http://a; } }"}
    assert results(tmp_path, tree, "CKV_NGINX_USER_21") == [
        ("http", "FAILED"),
        ("server(_:80)", "FAILED"),
        ("server(_:80).location(/)", "FAILED"),
    ]


def test_a_skip_where_a_check_passes_is_unused(tmp_path: Path) -> None:
    class Passes(BaseNginxCheck):
        id = "CKV_NGINX_USER_22"
        supported_resources = ("http.server",)

        def scan_resource_conf(self, conf: BlockConf) -> CheckResult:
            return CheckResult.PASSED

    text = "server { # checkov:skip=CKV_NGINX_USER_22:r\n location / { proxy_pass http://a; } }"
    (tmp_path / "a.conf").write_text(text, encoding="utf-8")
    assert ["skips nothing" in skip.text for skip in analyse(str(tmp_path)).unused_skips] == [True]


@pytest.mark.parametrize("returned", [None, "FAILED", 1])
def test_what_is_no_result_is_a_problem(tmp_path: Path, returned: object) -> None:
    class Returns(BaseNginxCheck):
        id = "CKV_NGINX_USER_23"
        supported_resources = ("http.server",)

        def scan_resource_conf(self, conf: BlockConf) -> CheckResult:
            return returned  # type: ignore[return-value]  # the mistake

    (tmp_path / "a.conf").write_text("server { location / { proxy_pass http://a; } }", encoding="utf-8")
    assert "no CheckResult" in analyse(str(tmp_path)).problems[0].reason


def test_details_and_keys_of_any_kind_are_taken(tmp_path: Path) -> None:
    class Details(BaseNginxCheck):
        id = "CKV_NGINX_USER_24"
        supported_resources = ("http.server",)

        def scan_resource_conf(self, conf: BlockConf) -> CheckResult:
            self.details = [3, "x"]  # type: ignore[list-item]  # the mistake
            self.evaluated_keys = "proxy_pass"  # type: ignore[assignment]  # likewise
            return CheckResult.FAILED

    (tmp_path / "a.conf").write_text("server { location / { proxy_pass http://a; } }", encoding="utf-8")
    (outcome,) = [one for one in analyse(str(tmp_path)).outcomes if one.check.id == "CKV_NGINX_USER_24"]
    assert (outcome.message, outcome.evaluated_keys) == ("3; x", ("proxy_pass",))


def test_checkovs_own_method_name_works_too(tmp_path: Path) -> None:
    class Entity(BaseNginxCheck):
        id = "CKV_NGINX_USER_25"

        def scan_entity_conf(self, conf: dict[str, Any], entity_type: str) -> CheckResult:
            return CheckResult.FAILED if entity_type == "http.location" else CheckResult.PASSED

    tree = {"a.conf": "server { location / { proxy_pass http://a; } }"}
    assert ("server(_:80).location(/)", "FAILED") in results(tmp_path, tree, "CKV_NGINX_USER_25")


def test_values_that_make_no_sense_are_refused() -> None:
    for values in ({"supported_resources": "http.location"}, {"severity": "urgent"}):
        with pytest.raises(ValueError, match="CKV_NGINX_USER_26"):
            type("Odd", (BaseNginxCheck,), {"id": "CKV_NGINX_USER_26", "scan_resource_conf": print, **values})


def test_severities_are_texts_or_checkovs_own() -> None:
    from checkov.common.bridgecrew.severities import Severities

    class Severe(BaseNginxCheck):
        id = "CKV_NGINX_USER_27"
        severity = Severities["HIGH"]  # type: ignore[assignment]  # declared as None

        def scan_resource_conf(self, conf: BlockConf) -> CheckResult:
            return CheckResult.PASSED

    assert Severe().severity_name == "HIGH"


def test_a_copy_of_our_own_checks_is_no_check_of_users(tmp_path: Path) -> None:
    copy = tmp_path / "checkov_nginx_tls" / "checks" / "upstream_sni_off.py"
    copy.parent.mkdir(parents=True)
    shutil.copy(upstream_sni_off.__file__, copy)
    before = registry_module.registry.checks()
    spec = importlib.util.spec_from_file_location("copy_of_ours", copy)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert registry_module.registry.checks() == before
    assert registry_module.registry.warnings() == ()


def test_what_a_class_says_of_itself_may_be_said_to_its_base_too() -> None:
    page = "https://example.com/page"

    class SaysItself(BaseNginxCheck):
        id = "CKV_NGINX_USER_32"
        name = "Ensure it says so itself"
        categories = (CheckCategories.ENCRYPTION,)
        guideline = page

        def scan_resource_conf(self, conf: BlockConf) -> CheckResult:
            return CheckResult.PASSED

    class IsTold(BaseNginxCheck):
        def __init__(self) -> None:
            super().__init__(
                "Ensure it is told", "CKV_NGINX_USER_33", [CheckCategories.ENCRYPTION], ["http.server"], guideline=page
            )

        def scan_resource_conf(self, conf: BlockConf) -> CheckResult:
            return CheckResult.PASSED

    for check, check_id, supported in ((SaysItself(), "32", ("*",)), (IsTold(), "33", ("http.server",))):
        assert check.id == f"CKV_NGINX_USER_{check_id}"
        assert check.name.startswith("Ensure it")
        assert check.categories == [CheckCategories.ENCRYPTION]
        assert check.guideline == page
        assert check.supported_resources == supported


def test_a_class_that_names_itself_is_created_later() -> None:
    class NamesItself(BaseNginxCheck):
        def __init__(self) -> None:
            super(NamesItself, self).__init__(name="n", id="CKV_NGINX_USER_28")  # noqa: UP008  # as people write it

        def scan_resource_conf(self, conf: BlockConf) -> CheckResult:
            return CheckResult.PASSED

    assert "CKV_NGINX_USER_28" in {check.id for check in registry_module.registry.checks()}


def test_a_class_that_cannot_be_created_is_a_warning() -> None:
    class Broken(BaseNginxCheck):
        def __init__(self) -> None:
            super().__init__(name=undefined, id="CKV_NGINX_USER_29")  # type: ignore[name-defined]  # noqa: F821

        def scan_resource_conf(self, conf: BlockConf) -> CheckResult:
            return CheckResult.PASSED

    registry_module.registry.checks()
    assert any("Broken" in warning for warning in registry_module.registry.warnings())


def test_a_check_without_id_says_so() -> None:
    with pytest.raises(ValueError, match="has no ID"):

        class NoId(BaseNginxCheck):
            def __init__(self) -> None:
                super().__init__(name="n")

            def scan_resource_conf(self, conf: BlockConf) -> CheckResult:
                return CheckResult.PASSED


def test_a_user_check_can_be_skipped_and_may_raise(tmp_path: Path) -> None:
    class Raises(BaseNginxCheck):
        def __init__(self) -> None:
            super().__init__(name="n", id="CKV_NGINX_USER_6", supported_resources=["http.upstream"])

        def scan_resource_conf(self, conf: BlockConf) -> CheckResult:
            raise KeyError(conf["missing"])

    define("CKV_NGINX_USER_7")
    text = "http { # checkov:skip=CKV_NGINX_USER_7:because\nupstream u { server a; }\n"
    text += "server { location / { grpc_pass u; } } }"
    (tmp_path / "nginx.conf").write_text(text, encoding="utf-8")
    analysis = analyse(str(tmp_path))
    users = [outcome for outcome in analysis.outcomes if outcome.check.id.startswith("CKV_NGINX_USER_")]
    assert [(o.check.id, o.result, o.skip_reason) for o in users] == [
        ("CKV_NGINX_USER_7", CheckResult.SKIPPED, "because")
    ]
    assert "CKV_NGINX_USER_6 failed to run" in analysis.problems[0].reason


def test_two_files_with_one_id_are_a_warning() -> None:
    registry = Registry()
    first, second = define("CKV_NGINX_USER_8")(), define("CKV_NGINX_USER_8")()
    type(second).__module__ = "conftest"
    registry.register(first)
    registry.register(second)
    assert "is taken by" in registry.warnings()[0]
    assert registry.user_checks() == (first,)
