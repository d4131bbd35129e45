"""The one table of nginx's modules that open TLS connections to upstreams.

Source: nginx's ``src/http/modules/ngx_http_{proxy,grpc,uwsgi}_module.c`` and
``src/stream/ngx_stream_proxy_module.c``; their documentation on nginx.org.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

DOCUMENTATION: Final = "https://nginx.org/en/docs/"


@dataclass(frozen=True, eq=False)
class Module:
    """How one module is told to pass requests on, to speak TLS and to verify.

    ``family`` is "http" or "stream". ``tls_scheme`` and ``plain_scheme`` are the prefixes of the target that
    choose TLS and plaintext; a module without them has a flag directive, ``tls_flag``, instead.
    ``bare_is_plaintext`` says that a target without any scheme is legal and means plaintext.
    ``pass_contexts`` and ``ssl_contexts`` are the types of the blocks in which nginx takes the pass directive and
    the TLS settings (the command masks in the source). ``repeats`` says that a block may hold several passes, each
    of which is a connection. ``page`` is the module's page below nginx.org's documentation.
    """

    name: str
    family: str
    pass_directive: str
    ssl_prefix: str
    page: str
    pass_contexts: frozenset[str]
    ssl_contexts: frozenset[str]
    tls_scheme: str | None = None
    plain_scheme: str | None = None
    tls_flag: str | None = None
    bare_is_plaintext: bool = False
    repeats: bool = False

    @cached_property
    def verify(self) -> str:
        """The directive that turns verification on: a flag, off unless set."""
        return f"{self.ssl_prefix}_verify"

    @cached_property
    def trusted_certificate(self) -> str:
        """The directive that names the bundle of trusted CA certificates: empty unless set."""
        return f"{self.ssl_prefix}_trusted_certificate"

    @property
    def nginx_name(self) -> str:
        """What nginx calls the module: "ngx_http_proxy_module"."""
        return self.page.rpartition("/")[2].partition(".")[0]

    def url(self, directive: str) -> str:
        """The directive's place in nginx's documentation."""
        return f"{DOCUMENTATION}{self.page}#{directive}"


_HTTP_SSL: Final = frozenset({"http", "http.server", "http.location"})
_STREAM_SSL: Final = frozenset({"stream", "stream.server"})

HTTP_PROXY: Final = Module(
    name="http proxy",
    family="http",
    pass_directive="proxy_pass",
    ssl_prefix="proxy_ssl",
    page="http/ngx_http_proxy_module.html",
    pass_contexts=frozenset({"http.location", "http.if", "http.limit_except"}),
    ssl_contexts=_HTTP_SSL,
    tls_scheme="https://",
    plain_scheme="http://",
)
GRPC: Final = Module(
    name="grpc",
    family="http",
    pass_directive="grpc_pass",
    ssl_prefix="grpc_ssl",
    page="http/ngx_http_grpc_module.html",
    pass_contexts=frozenset({"http.location", "http.if"}),
    ssl_contexts=_HTTP_SSL,
    tls_scheme="grpcs://",
    plain_scheme="grpc://",
    bare_is_plaintext=True,
)
UWSGI: Final = Module(
    name="uwsgi",
    family="http",
    pass_directive="uwsgi_pass",
    ssl_prefix="uwsgi_ssl",
    page="http/ngx_http_uwsgi_module.html",
    pass_contexts=frozenset({"http.location", "http.if"}),
    ssl_contexts=_HTTP_SSL,
    tls_scheme="suwsgi://",
    plain_scheme="uwsgi://",
    bare_is_plaintext=True,
)
STREAM_PROXY: Final = Module(
    name="stream proxy",
    family="stream",
    pass_directive="proxy_pass",
    ssl_prefix="proxy_ssl",
    page="stream/ngx_stream_proxy_module.html",
    pass_contexts=frozenset({"stream.server"}),
    ssl_contexts=_STREAM_SSL,
    tls_flag="proxy_ssl",
)
ZONE_SYNC: Final = Module(
    name="zone_sync",
    family="stream",
    pass_directive="zone_sync_server",
    ssl_prefix="zone_sync_ssl",
    page="stream/ngx_stream_zone_sync_module.html",
    pass_contexts=frozenset({"stream.server"}),
    ssl_contexts=_STREAM_SSL,
    tls_flag="zone_sync_ssl",
    repeats=True,
)

MODULES: Final = (HTTP_PROXY, GRPC, UWSGI, STREAM_PROXY, ZONE_SYNC)

PASS_DIRECTIVES: Final = frozenset(module.pass_directive for module in MODULES)
"""Directives whose argument is the target of a connection."""

HANDLERS: Final = frozenset(
    {
        "proxy_pass",
        "grpc_pass",
        "uwsgi_pass",
        "fastcgi_pass",
        "scgi_pass",
        "memcached_pass",
        "tunnel_pass",
    }
)
"""Directives that make a location hand requests to an upstream; of several in one location the last one does."""

STREAM_HANDLERS: Final = frozenset({"proxy_pass", "return", "pass"})
"""The same for servers of a stream, where ``return`` is one of them (``ngx_stream_return``)."""

VERIFIES_BY_DEFAULT: Final = {
    "js_fetch_verify": frozenset({"http", "http.server", "http.location", "stream", "stream.server"}),
    "ssl_verify": frozenset({"http.acme_issuer", "mgmt"}),
}
"""Flags that verify outbound connections unless somebody turns them off, and the blocks in which they do so:
njs's ngx.fetch(), the ACME client, and reports of NGINX Plus."""

FLAGS: Final = frozenset(
    {
        *(f"{module.ssl_prefix}_{setting}" for module in MODULES for setting in ("verify", "server_name")),
        *(f"{module.ssl_prefix}_session_reuse" for module in MODULES if module is not ZONE_SYNC),
        *(module.tls_flag for module in MODULES if module.tls_flag is not None),
        *VERIFIES_BY_DEFAULT,
    }
)
"""Directives of ours that take exactly ``on`` or ``off``, in any case (``ngx_conf_set_flag_slot``)."""

STORE_COMMANDS: Final = frozenset({"verifycafile", "verifycapath", "verifycastore"})
"""Commands of ``*_ssl_conf_command`` that name trusted certificates, in lower case."""

HARMLESS_INCLUDES: Final = frozenset(
    {"mime.types", "fastcgi_params", "fastcgi.conf", "proxy_params", "uwsgi_params", "scgi_params", "win-utf"}
)
"""Names of files that distributions ship and that hold no TLS directive; ``koi-*`` belongs to them."""


def is_zero(text: str) -> bool:
    """Whether nginx reads a number as 0 (``ngx_atoi``)."""
    return text != "" and text.strip("0") == ""
