"""The alert rules, which are the same for every configuration: what differs stands in the labels of the targets."""

from __future__ import annotations

from typing import Any, Final

JOB: Final = "nginx-upstream-tls"
"""The name of the scrape job, by which the rules find their series."""

VERIFICATION: Final = "verification"
CERTIFICATE: Final = "certificate"
"""The two kinds of probes, told apart by the label ``probe``: one verifies, the other accepts any certificate."""

_DAY: Final = 24 * 3600

# An exporter's verified chain is missing where verification fails, and a name with several addresses is probed at
# one after the other: hence the fallback, and the worst of an hour.
_EXPIRES_IN: Final = """\
(
  min_over_time(probe_ssl_last_chain_expiry_timestamp_seconds{{{verification}}}[1h])
  or ignoring (module, probe)
  min_over_time(probe_ssl_earliest_cert_expiry{{{certificate}}}[1h])
) - time() < {days} * {day}
"""
_NO_HANDSHAKE: Final = """\
probe_success{{{certificate}}} == 0
"""
_NOT_ACCEPTED: Final = """\
probe_success{{{verification}}} == 0
and ignoring (module, probe)
probe_success{{{certificate}}} == 1
"""
_ANOTHER_WITHOUT_NAME: Final = """\
max without (fingerprint_sha256, issuer, serialnumber, subject, subjectalternative) (
  probe_ssl_last_chain_info{{{verification}, sni="off"}}
  unless ignoring (module, probe)
  probe_ssl_last_chain_info{{{certificate}, sni="off"}}
)
"""
_NO_ANSWER: Final = """\
count by (job) (up{{job="{job}"}} == 0)
"""

_EXPIRES_SUMMARY: Final = (
    "the certificate of {{ $labels.instance }} "
    "{{ if lt $value 0.0 }}has expired{{ else }}expires in {{ humanizeDuration $value }}{{ end }}"
)
_EXPIRES: Final = """\
{{ if eq $labels.verified "true" -}}
nginx verifies it as "{{ $labels.verify_name }}" and refuses it when its chain has expired: HTTP 502, in stream a \
closed connection.
What breaks: {{ $labels.blocks }}
{{- else -}}
nginx does not verify it: nothing breaks in nginx when it expires. Other clients may refuse it.
What uses it: {{ $labels.blocks }}
{{- end }}
What to do: renew the certificate on the upstream. If a CA expires, renew it in the bundle too, and reload nginx.
What is counted: the chain that verification arrives at, with the CA in ca_file, for that is what nginx sees expire \
(probe_ssl_last_chain_expiry_timestamp_seconds). Where no chain is accepted, or nginx does not verify: what expires \
first of all that the server sends (probe_ssl_earliest_cert_expiry).
"""
_REFUSED: Final = """\
The upstream answers and speaks TLS, but its certificate has expired, has another name than \
"{{ $labels.verify_name }}", or is signed by nobody in ca_file. If nginx sees the same, requests end in HTTP 502, in \
stream in a closed connection.
What breaks: {{ $labels.blocks }}
What to do: if the upstream has a new certificate, give nginx the CA that signed it. If nobody changed it, somebody \
may stand in between: do not turn verification off.
False alarm if: the exporter cannot read ca_file; or the certificate has a common name and no DNS names, which nginx \
accepts and the exporter does not.
The reason: REASON
"""
_UNREACHABLE: Final = """\
The exporter completes no TLS handshake, though it accepts any certificate: the name does not resolve, the port is \
closed or filtered, the server does not speak TLS, or it wants another version of TLS or another client certificate.
What uses it: {{ $labels.blocks }}
What to do: see whether the upstream runs, and whether nginx and the exporter reach it. The certificate is not to blame.
The reason: REASON
"""
_NAMELESS: Final = """\
nginx does not say which name it wants (*_ssl_server_name is off), and a client that does not is shown another \
certificate, or none. The alert about verification then speaks of a certificate that nginx never sees.
What is concerned: {{ $labels.blocks }}
What to do: set *_ssl_server_name on there (CKV_NGINX_CUSTOM_09).
"""
_SILENT: Final = f"""\
The blackbox exporter at EXPORTER is down, or has not loaded the present blackbox.yml ("Unknown module"). No other \
alert about these upstreams can fire.
What to do: start or reload the exporter. The targets are those with up{{job="{JOB}"}} == 0.
"""


def alert_rules(exporter: str) -> dict[str, Any]:
    """The document of alert rules; ``exporter`` is the exporter's address, for the command that gives the reason."""
    probe = f"http://{exporter}/probe?debug=true&module={{{{ $labels.module }}}}&target={{{{ $labels.instance }}}}"
    reason = f"curl -g '{probe}'"
    severity = '{{ if eq $labels.verified "true" }}critical{{ else }}warning{{ end }}'
    rules = [
        _rule("CertificateExpiresWithin30Days", _expires_in(30), "", "warning", _EXPIRES_SUMMARY, _EXPIRES),
        _rule("CertificateExpiresWithin7Days", _expires_in(7), "", severity, _EXPIRES_SUMMARY, _EXPIRES),
        _rule(
            "VerificationFails",
            _expression(_NOT_ACCEPTED),
            "5m",
            "critical",
            "the certificate of {{ $labels.instance }} is not accepted",
            _REFUSED.replace("REASON", reason),
        ),
        _rule(
            "ProbeFails",
            _expression(_NO_HANDSHAKE),
            "5m",
            "warning",
            "{{ $labels.instance }} cannot be reached over TLS",
            _UNREACHABLE.replace("REASON", reason),
        ),
        _rule(
            "CertificateNeedsSni",
            _expression(_ANOTHER_WITHOUT_NAME),
            "15m",
            "warning",
            "{{ $labels.instance }} shows nginx another certificate than the one that is probed",
            _NAMELESS,
        ),
        _rule(
            "NotProbed",
            _expression(_NO_ANSWER),
            "10m",
            "warning",
            "{{ $value }} upstream probes give no answer",
            _SILENT.replace("EXPORTER", exporter),
        ),
    ]
    return {"groups": [{"name": JOB, "rules": rules}]}


def _expires_in(days: int) -> str:
    return _expression(_EXPIRES_IN, days=days, day=_DAY)


def _expression(text: str, **values: int) -> str:
    """A PromQL expression with the selectors of the two kinds of probes filled in."""
    selectors = {kind: f'job="{JOB}", probe="{kind}"' for kind in (VERIFICATION, CERTIFICATE)}
    return text.format(job=JOB, **selectors, **values)


def _rule(name: str, expression: str, pending: str, severity: str, summary: str, description: str) -> dict[str, Any]:
    return {
        "alert": f"NginxUpstream{name}",
        "expr": expression,
        **({"for": pending} if pending else {}),
        "labels": {"severity": severity},
        "annotations": {"summary": summary, "description": description},
    }
