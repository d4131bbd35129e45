"""Writes what is generated from the rules: ``policies/rules/*.md`` and README's table of rules.

``python .ci/pages.py`` in the repository, after a rule has changed; the tests fail where this was forgotten.
"""

from __future__ import annotations

from pathlib import Path

from checkov_nginx_tls.catalogue import rules
from checkov_nginx_tls.explanations import as_markdown, table_as_markdown

REPOSITORY = Path(__file__).resolve().parent.parent
PAGES = "policies/rules"


def generated() -> dict[Path, str]:
    """The files that are generated, as they should be."""
    all_rules = rules()
    pages = {REPOSITORY / PAGES / f"{rule.id}.md": as_markdown(rule) for rule in all_rules}
    readme = REPOSITORY / "README.md"
    return {**pages, readme: with_table(readme.read_text(encoding="utf-8"), table_as_markdown(all_rules, PAGES))}


def with_table(text: str, table: str) -> str:
    """The text with its table of rules, which begins with the same line, replaced."""
    lines = text.splitlines()
    first = lines.index(table.splitlines()[0])
    behind = next(number for number, line in enumerate(lines) if number > first and not line.startswith("|"))
    return "\n".join([*lines[:first], *table.splitlines(), *lines[behind:]]) + "\n"


if __name__ == "__main__":
    (REPOSITORY / PAGES).mkdir(exist_ok=True)
    for path, text in generated().items():
        path.write_text(text, encoding="utf-8")
