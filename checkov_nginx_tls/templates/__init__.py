"""Templated nginx configuration in, text of the same length that nginx's syntax can be read from.

``tags`` finds the tags of Jinja and its kin (Liquid, lua-resty-template), Go templates, Handlebars, ERB and EPP,
Terraform, envsubst's defaults, ``%var%``, ``<placeholder>`` and ``@VAR@``, and sorts them into values, output, control
and comments. ``walk`` goes from tag to tag while ``reader`` follows nginx's syntax through the text between them, every
arm of a construct from where the construct begins. When a construct ends (see ``constructs``), it becomes one opaque
value if it stands inside one statement, and arms if it holds statements. ``conditions`` says what the arms test, and
``effects`` what between them may change that; ``values`` says what an expression may be, and ``overlay`` holds the text
that comes of it.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from checkov_nginx_tls.templates.neutral import FILLER, Arm, Case, Expression, Neutral
from checkov_nginx_tls.templates.tags import find_tags

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FILLER", "Arm", "Case", "Expression", "Neutral", "neutralise"]


def neutralise(text: str, expressions: Mapping[str, Expression] = MappingProxyType({})) -> Neutral:
    """Turn a template into text of the same length that nginx's syntax can be read from.

    Values become opaque characters followed by FILLERs, control tags and comments white space. ``text`` may hold
    FILLERs and the characters of ``expressions``: both are kept, and new characters follow them. A tag without end is
    left as it is, and so is plain nginx.
    """
    tags = find_tags(text)
    if not tags:
        return Neutral(text, expressions, (), (), ())
    from checkov_nginx_tls.templates.overlay import Overlay
    from checkov_nginx_tls.templates.walk import Walk

    overlay = Overlay(text, expressions)
    walk = Walk(text, tags, overlay)
    arms = sorted(walk.run(), key=lambda arm: (arm.start, -arm.end))
    neutral = overlay.text()
    return Neutral(neutral, overlay.expressions(neutral), tuple(arms), tuple(sorted(walk.lines)), tuple(walk.comments))
