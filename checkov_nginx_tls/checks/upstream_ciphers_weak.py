"""CKV_NGINX_CUSTOM_11: ciphers that protect nothing, or not enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checkov_nginx_tls.checks.base_upstream_check import BaseUpstreamCheck, Judgement, connections_of, places
from checkov_nginx_tls.checks.openssl_settings import (
    Fault,
    Settings,
    is_open,
    judge_settings,
    places_concerned,
)
from checkov_nginx_tls.cipher_strings import WEAKNESSES, evaluate, weak_ciphersuites
from checkov_nginx_tls.modules import HTTP_PROXY
from checkov_nginx_tls.protocol_versions import VERSION_COMMANDS, admitted_versions
from checkov_nginx_tls.rule import Rule
from checkov_nginx_tls.texts import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from checkov_nginx_tls.cipher_strings import WeakSuite
    from checkov_nginx_tls.model import Configuration
    from checkov_nginx_tls.upstreams import Connection


class UpstreamCiphersWeak(BaseUpstreamCheck):
    """See ``rule``."""

    rule = Rule(
        id="CKV_NGINX_CUSTOM_11",
        title="Ensure upstream TLS excludes weak ciphers",
        severity="MEDIUM",
        guideline=HTTP_PROXY.url("proxy_ssl_ciphers"),
        cwe=327,
        benchmarks=("CIS NGINX Benchmark 4.1.5",),
        precision="very-high",
        what=(
            "An effective proxy_ssl_ciphers (grpc_, uwsgi_, zone_sync_ssl_ciphers), or an effective *_ssl_conf_command "
            "CipherString or Ciphersuites, admits ciphers without authentication (aNULL) or encryption (eNULL), or "
            "EXPORT, RC4, DES, 3DES or MD5 for a TLS connection, verified or not, or lowers OpenSSL's security level "
            "to 0. Leaving them out is fine: nginx's default, DEFAULT, has none of these."
        ),
        why=(
            "Without authentication or encryption TLS protects nothing; EXPORT, DES and RC4 are broken in practice "
            "(FREAK, Logjam, Bar Mitzvah), and 3DES leaks long-lived connections (Sweet32). Security level 0 also lets "
            "in short keys and signatures with MD5 and SHA-1. Words like ALL, HIGH or AES mean more than one thinks: "
            "all of them hold ciphers without authentication."
        ),
        example="""\
server {
    listen 80;
    location / {
        proxy_pass https://backend.example.com;
        proxy_ssl_verify on;
        proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;
        proxy_ssl_verify_depth 2;
        proxy_ssl_server_name on;
        proxy_ssl_ciphers ALL:!aNULL;
    }
}
""",
        use_instead="""\
server {
    listen 80;
    location / {
        proxy_pass https://backend.example.com;
        proxy_ssl_verify on;
        proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;
        proxy_ssl_verify_depth 2;
        proxy_ssl_server_name on;
        proxy_ssl_ciphers HIGH:!aNULL:!MD5:!3DES;
    }
}
""",
        nginx=(
            "nginx hands the string to SSL_CTX_set_cipher_list, and CipherString replaces it afterwards, but not the "
            "security level that it set. OpenSSL reads a string from left to right: a word adds, - takes away, ! takes "
            "away for good, + only changes the order, and words that it does not know count for nothing. What is "
            "admitted depends on its version and build; this rule says the same everywhere: RC4, DES, 3DES and EXPORT "
            "count although builds since 1.1.0 may lack them, and aNULL, eNULL and MD5 count although OpenSSL since "
            "1.1.0 offers them at security level 0 only, unless the string itself sets a higher one (@SECLEVEL=1). A "
            "cipher string says nothing about TLSv1.3."
        ),
    )

    def judge(self, configuration: Configuration, connections: Sequence[Connection]) -> Iterator[Judgement]:
        """See BaseUpstreamCheck."""
        return judge_settings(configuration, connections, _inspect, "ciphers")

    def explain(self, judgements: Sequence[Judgement]) -> str:
        """See BaseUpstreamCheck."""
        first = judgements[0]
        fault = first.detail
        connections = connections_of(judgements)
        if not isinstance(fault, Fault):
            return f"which ciphers {places(connections)} may use depends on a value that is not known here"
        directive = first.cause.directive
        where = places_concerned(connections, fault)
        name, value = " ".join((directive.name, *directive.args[:-1])), directive.args[-1]
        instead = f"Write {name} HIGH:!aNULL:!MD5:!3DES, or remove it"
        if directive.args[0].lower() == "ciphersuites":
            instead = "Remove it"
        return f'{name} "{value}" {fault.admits} for {where}. {instead}: nginx\'s default has none of this.'


def _inspect(settings: Settings) -> list[Fault] | None:
    strings = [*([settings.ciphers] if settings.ciphers else []), *settings.commands_named("cipherstring")]
    suites = settings.commands_named("ciphersuites")[-1:]
    if any(map(is_open, [*strings, *suites])):
        return None
    values = [evaluate(placed.directive.args[-1]) for placed in strings]
    if not all(value.well_formed for value in values):
        return None
    levels = [(placed, value.level) for placed, value in zip(strings, values) if value.level is not None]
    level = levels[-1][1] if levels else None
    weak = values[-1].offered_at(level) if values and _admits_below_tls13(settings) else ()
    faults = [Fault(strings[-1], _admission(weak))] if weak else []
    if level == 0:
        faults.append(Fault(levels[-1][0], "lowers OpenSSL's security level to 0 (@SECLEVEL=0)"))
    for placed in suites if not level else ():
        names = weak_ciphersuites(placed.directive.args[-1])
        faults += [Fault(placed, f"admits ciphers without encryption ({', '.join(names)})")] if names else []
    return _one_for_each_directive(faults)


def _one_for_each_directive(faults: Sequence[Fault]) -> list[Fault]:
    texts: dict[int, list[str]] = {}
    for fault in faults:
        texts.setdefault(id(fault.placed), []).append(fault.admits)
    directives = {id(fault.placed): fault.placed for fault in faults}
    return [Fault(placed, " and ".join(texts[key])) for key, placed in directives.items()]


def _admits_below_tls13(settings: Settings) -> bool:
    """Whether the cipher string plays a part: TLS 1.3 has suites of its own."""
    commands = settings.commands_named(*VERSION_COMMANDS)
    if any(map(is_open, [*settings.protocols, *commands])):
        return True
    return not admitted_versions(settings.protocols, commands).keys() <= {"TLSv1.3"}


def _admission(weak: Sequence[WeakSuite]) -> str:
    """The weaknesses, and for each part of the string a suite that it lets in for each of them."""
    weaknesses = [weakness for weakness in WEAKNESSES if any(weakness in suite.weaknesses for suite in weak)]
    by_part: dict[str, list[WeakSuite]] = {}
    for suite in weak:
        by_part.setdefault(suite.part, []).append(suite)
    shown = [_let_in(part, suites) for part, suites in by_part.items()]
    return f"admits {', '.join(weaknesses)} ({listed(shown, 4, '; ')})"


def _let_in(part: str, suites: Sequence[WeakSuite]) -> str:
    if [suite.name for suite in suites] == [part]:
        return part
    examples: dict[str, None] = {}
    for weakness in WEAKNESSES:
        examples.update(dict.fromkeys([suite.name for suite in suites if weakness in suite.weaknesses][:1]))
    rest = f" and {len(suites) - len(examples)} more" if len(suites) > len(examples) else ""
    return f"{part} lets in {', '.join(examples)}{rest}"
