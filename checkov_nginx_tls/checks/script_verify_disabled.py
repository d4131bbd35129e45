"""CKV_NGINX_CUSTOM_15: Lua or njs that turns verification off."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from checkov.common.models.enums import CheckResult

from checkov_nginx_tls.checks.base_upstream_check import BaseUpstreamCheck, Judgement, Spot
from checkov_nginx_tls.modules import DOCUMENTATION
from checkov_nginx_tls.rule import Rule
from checkov_nginx_tls.script_verification import look_into
from checkov_nginx_tls.scripts import scripts_of
from checkov_nginx_tls.texts import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from checkov_nginx_tls.model import Configuration, Placed
    from checkov_nginx_tls.script_verification import Mention
    from checkov_nginx_tls.scripts import Script
    from checkov_nginx_tls.upstreams import Connection

_NJS: Final = f"{DOCUMENTATION}njs/reference.html#ngx_fetch"
_LUA: Final = "https://github.com/openresty/lua-nginx-module#tcpsocksslhandshake"
_GUIDELINES: Final = {
    "ssl_verify": "https://github.com/ledgetech/lua-resty-http#connect",
    "sslhandshake": _LUA,
    "verify": _NJS,
}
_EXPLANATIONS: Final = {
    "ssl_verify": (
        "ssl_verify = false: the connection talks TLS to whoever answers. Remove it where the library verifies by "
        "default, as lua-resty-http does, or else write true, and name the CA certificates in "
        "lua_ssl_trusted_certificate (and lua_ssl_verify_depth 2 if there is more than one intermediate CA)"
    ),
    "sslhandshake": (
        "sslhandshake verifies only if its third argument is true: without, it talks TLS to whoever answers. Write "
        "sslhandshake(session, name, true) with the name in the certificate, and name the CA certificates in "
        "lua_ssl_trusted_certificate (and lua_ssl_verify_depth 2 if there is more than one intermediate CA)"
    ),
    "verify": (
        "this option of ngx.fetch() turns verification off, also where js_fetch_verify is on: it talks TLS to whoever "
        "answers. Remove it, and name the CA certificates in js_fetch_trusted_certificate, without which njs trusts "
        "nobody"
    ),
}


class ScriptVerifyDisabled(BaseUpstreamCheck):
    """See ``rule``."""

    rule = Rule(
        id="CKV_NGINX_CUSTOM_15",
        title="Ensure embedded scripts do not disable TLS verification",
        severity="HIGH",
        guideline=_NJS,
        cwe=295,
        benchmarks=(),
        what=(
            "Lua in the configuration (*_by_lua_block, *_by_lua), Lua and njs files of the scanned tree that it loads "
            "(*_by_lua_file, js_import), and what these load in turn (require along lua_package_path, import): "
            "ssl_verify = false in a table, sslhandshake without true as its third argument, and ngx.fetch() with "
            "verify: false. Variables are not followed. To skip a finding, write the comment in nginx's syntax "
            "(# checkov:skip=...) on or above the directive, behind the } of a Lua block, or first in the block around "
            "it; of a file, at every directive that loads it. Comments in the script itself skip nothing."
        ),
        why=(
            "The script encrypts but talks to whoever answers. Often it fetches what everything else rests on: tokens, "
            'keys, the answer to "may this user come in". Who answers in the other side\'s place decides that.'
        ),
        example="""\
server {
    listen 80;
    location / {
        access_by_lua_block {
            local client = require("resty.http").new()
            local options = { method = "POST", ssl_verify = false }
            local answer = client:request_uri("https://auth.example.com", options)
            if not answer or answer.status ~= 200 then
                return ngx.exit(403)
            end
        }
    }
}
""",
        use_instead="""\
server {
    listen 80;
    lua_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;
    lua_ssl_verify_depth 2;
    location / {
        access_by_lua_block {
            local client = require("resty.http").new()
            local options = { method = "POST", ssl_verify = true }
            local answer = client:request_uri("https://auth.example.com", options)
            if not answer or answer.status ~= 200 then
                return ngx.exit(403)
            end
        }
    }
}
""",
        nginx=(
            "lua-nginx-module's sslhandshake(session, name, verify) verifies only if verify is true, and checks the "
            "name only if it is given; the default is not to verify. lua-resty-http passes true unless ssl_verify is "
            "false. Both trust nobody without lua_ssl_trusted_certificate. njs verifies unless told otherwise; the "
            "option verify of one call overrides js_fetch_verify, and false, 0, null, undefined and the empty string "
            "all turn it off. js_import is relative to the directory of the main file and those of js_path; "
            "*_by_lua_file to nginx's prefix."
        ),
    )

    def judge(self, configuration: Configuration, connections: Sequence[Connection]) -> Iterator[Judgement]:
        """See BaseUpstreamCheck. A directive passes whose scripts verify wherever they speak of it."""
        del connections
        verified: dict[Placed, bool] = {}
        for script in scripts_of(configuration):
            mentions = look_into(script.language, script.text).mentions
            seen: Counter[str] = Counter()
            for one in mentions:
                verified[script.placed] = verified.get(script.placed, True) and one.verifies is True
                if one.verifies is False:
                    seen[one.what] += 1
                    spot = _spot(script, one, seen[one.what])
                    yield Judgement(CheckResult.FAILED, script.placed, None, (one.what,), spot)
        for placed, is_verified in verified.items():
            if is_verified:
                yield Judgement(CheckResult.PASSED, placed, None, (placed.directive.name,))

    def guideline_of(self, judgement: Judgement) -> str:
        """See BaseUpstreamCheck."""
        default = _LUA if "_by_lua" in judgement.cause.directive.name else _NJS
        return _GUIDELINES.get(judgement.evaluated_keys[-1], default)

    def explain(self, judgements: Sequence[Judgement]) -> str:
        """See BaseUpstreamCheck."""
        text = f"{_EXPLANATIONS[judgements[0].evaluated_keys[-1]]}."
        causes = (
            one.cause.directive for one in judgements if one.spot and one.spot.source is not one.cause.directive.source
        )
        loading = list(dict.fromkeys(f"{cause.name} ({cause.place})" for cause in causes))
        return f"{text} The script is loaded by {listed(loading)}." if loading else text


def _spot(script: Script, mention: Mention, number: int) -> Spot:
    name = mention.what if number == 1 else f"{mention.what}#{number}"
    if script.offsets:
        return Spot(script.source, script.offsets[mention.start], script.offsets[mention.end - 1] + 1, name)
    directive = script.placed.directive
    return Spot(directive.source, directive.start, directive.head_end, name)
