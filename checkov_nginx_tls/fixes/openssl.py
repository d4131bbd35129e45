"""05, 10 and 11: what nginx hands to OpenSSL admits no other store, no obsolete version and no weak cipher."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from checkov_nginx_tls.cipher_strings import INTEGRITY_ONLY
from checkov_nginx_tls.fixes.drafts import Draft
from checkov_nginx_tls.fixes.edits import Unmendable, removed, replaced, replaced_arguments
from checkov_nginx_tls.fixes.settings import commands_of
from checkov_nginx_tls.protocol_versions import OBSOLETE
from checkov_nginx_tls.targets import Transport
from checkov_nginx_tls.upstreams import Flag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checkov_nginx_tls.fixes.drafts import Case
    from checkov_nginx_tls.model import Block
    from checkov_nginx_tls.syntax import Directive
    from checkov_nginx_tls.upstreams import Connection

_VERSIONS: Final = ("TLSv1.2", "TLSv1.3")
_CIPHERS: Final = "HIGH:!aNULL:!MD5:!3DES"
_SUITES: Final = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256"
"""OpenSSL's default for TLS 1.3."""


def mend_store(case: Case) -> Draft:
    """05: the command that replaces the trusted certificates goes.

    It stays where a level that then has no command would inherit others, or where somebody relies on it.
    """
    directive = case.directive
    for block, _ in case.world.contexts(directive):
        others = [one for one in block.own(directive.name) if one.directive is not directive]
        inherited = list(_commands_around(block, directive.name))
        if not others and inherited:
            raise Unmendable(
                f"without it, {inherited[0].name} at {inherited[0].place} would take effect here: remove it by hand"
            )
        for one in case.world.below(block):
            if _relies_on(one, directive):
                raise Unmendable(
                    f"{one.target} ({one.placed.directive.place}) is not verified by nginx and may rely on it: turn "
                    f"{one.module.verify} on there first"
                )
    return Draft((removed(case.world.file_of(directive), directive),))


def mend_protocols(case: Case) -> Draft:
    """10: the versions that are left are TLSv1.2 and TLSv1.3."""
    directive, file = case.directive, case.world.file_of(case.directive)
    if directive.name.endswith("_conf_command"):
        return Draft((replaced(file, directive, 2, ",".join(_VERSIONS)),))
    blocks = [context.block for context in case.world.contexts(directive)]
    if any(len(block.own(directive.name)) > 1 for block in blocks):
        kept = [version for version in directive.args if version not in OBSOLETE]
        if kept:
            return Draft(tuple(replaced_arguments(file, directive, kept)))
        raise Unmendable(f"several {directive.name} in one block add up: leave one of them, {' '.join(_VERSIONS)}")
    return Draft(tuple(replaced_arguments(file, directive, _VERSIONS)))


def mend_ciphers(case: Case) -> Draft:
    """11: the cipher string becomes one without weak ciphers; of suites for TLS 1.3 the strong ones stay."""
    directive, file = case.directive, case.world.file_of(case.directive)
    number, value = len(directive.args), _CIPHERS
    if directive.name.endswith("_conf_command") and directive.args[0].lower() == "ciphersuites":
        strong = [suite for suite in directive.args[-1].split(":") if suite.strip() not in INTEGRITY_ONLY]
        value = ":".join(strong) or _SUITES
    return Draft((replaced(file, directive, number, value),))


def _commands_around(block: Block, name: str) -> Iterator[Directive]:
    for level in block.inheritance():
        if level is not block:
            yield from (placed.directive for placed in level.own(name))


def _relies_on(connection: Connection, directive: Directive) -> bool:
    """Whether OpenSSL alone may verify a connection, with the certificates that a command names."""
    if not connection.handles or connection.transport is Transport.PLAINTEXT or connection.verification is Flag.ON:
        return False
    commands = [placed.directive for placed in commands_of(connection)]
    return directive in commands and any(one.args and one.args[0].lower() == "verifymode" for one in commands)
