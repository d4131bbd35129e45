"""One finding in, its fix or a refusal out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Final, NamedTuple

from checkov_nginx_tls.fixes.drafts import Case, Draft
from checkov_nginx_tls.fixes.edits import Unmendable, overlap
from checkov_nginx_tls.fixes.openssl import mend_ciphers, mend_protocols, mend_store
from checkov_nginx_tls.fixes.plaintext import mend_plaintext
from checkov_nginx_tls.fixes.sessions import mend_shared, mend_sni
from checkov_nginx_tls.fixes.takes_effect import mend_idle
from checkov_nginx_tls.fixes.upstream_names import mend_chosen_name, mend_impossible
from checkov_nginx_tls.fixes.verification import mend_bundle, mend_off, mend_unset

if TYPE_CHECKING:
    from collections.abc import Mapping

    from checkov_nginx_tls.analysis import Outcome
    from checkov_nginx_tls.fixes.edits import Edit
    from checkov_nginx_tls.fixes.trust import Trust
    from checkov_nginx_tls.fixes.world import World
    from checkov_nginx_tls.model import Block


class _Mender(NamedTuple):
    """How findings of a rule are mended, and what that comes to in one sentence."""

    mend: Callable[[Case], Draft]
    description: str


_VERIFIED: Final = "Turn verification on, with what it needs to succeed."

MENDED: Final[Mapping[str, _Mender]] = {
    "CKV_NGINX_CUSTOM_01": _Mender(mend_off, _VERIFIED),
    "CKV_NGINX_CUSTOM_02": _Mender(mend_bundle, "Name the file with the trusted CA certificates."),
    "CKV_NGINX_CUSTOM_03": _Mender(mend_unset, _VERIFIED),
    "CKV_NGINX_CUSTOM_04": _Mender(mend_idle, "Let the verification that is meant take effect."),
    "CKV_NGINX_CUSTOM_05": _Mender(mend_store, "Remove the command that replaces the trusted CA certificates."),
    "CKV_NGINX_CUSTOM_06": _Mender(mend_chosen_name, "Fix the name that is verified."),
    "CKV_NGINX_CUSTOM_07": _Mender(mend_shared, "Do not reuse TLS sessions."),
    "CKV_NGINX_CUSTOM_08": _Mender(mend_impossible, "Let verification succeed for the right upstream."),
    "CKV_NGINX_CUSTOM_09": _Mender(mend_sni, "Send the name that is verified (SNI)."),
    "CKV_NGINX_CUSTOM_10": _Mender(mend_protocols, "Admit TLSv1.2 and TLSv1.3 only."),
    "CKV_NGINX_CUSTOM_11": _Mender(mend_ciphers, "Leave the weak ciphers out."),
    "CKV_NGINX_CUSTOM_14": _Mender(mend_plaintext, "Speak TLS to the upstream, and verify it."),
}
"""The rules whose findings can be mended, by their IDs."""


@dataclass(frozen=True, eq=False)
class Fix:
    """The edits that mend a finding, all of them together; ``touched`` are the blocks whose settings they change.

    ``description`` says in a sentence what they do. Offsets are those of the texts that were analysed, of whole files
    even where nginx configuration is only a part.
    """

    outcome: Outcome
    description: str
    edits: tuple[Edit, ...]
    touched: frozenset[Block]


@dataclass(frozen=True)
class Refusal:
    """A finding that is not mended, and why: what somebody has to decide, and how."""

    outcome: Outcome
    reason: str


def fix_for(outcome: Outcome, world: World, trust: Trust) -> Fix | Refusal | None:
    """The fix of a failed outcome, or why there is none; None for one of a rule that is not among MENDED.

    ``world`` is that of the analysis which the outcome is from. Nothing is written.
    """
    mender = MENDED.get(outcome.check.id)
    if mender is None or not outcome.judgements:
        return None
    try:
        draft = mender.mend(Case(outcome, world, trust))
    except Unmendable as error:
        return Refusal(outcome, str(error))
    if not draft.edits or overlap(draft.edits):
        return Refusal(outcome, "the edits would touch each other: mend it by hand")
    return Fix(outcome, mender.description, tuple(dict.fromkeys(draft.edits)), draft.touched)
