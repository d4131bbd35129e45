"""Runs the commands of README.md, in order, in a fresh copy of the repository.

A fenced block of language `sh` is run by `sh -eu` in the copy's directory; the blocks share that directory and
nothing else. An HTML comment on the line above a block says what is special about it: `<!-- exit: 1 -->` the exit
code that it ends with, `<!-- needs: PROGRAM, exit: 1 -->` a program without which it is left out as well, and
`<!-- not run: REASON -->` why it always is.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
BLOCK = re.compile(
    r"(?:^<!-- (?:(?:needs: (?P<program>[\w-]+), )?exit: (?P<code>\d+)|not run: (?P<reason>[^\n]+?)) -->\n)?"
    r"^```sh\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
COMMENT = re.compile(r"^<!-- (?:exit|needs|not run)\b", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """Commands of the README, and what is expected of them."""

    text: str
    exit_code: int
    not_run: str


def blocks_of(readme: str) -> list[Block]:
    """The blocks of a README; ValueError if a comment that is meant for one stands elsewhere."""
    matches = list(BLOCK.finditer(readme))
    if sum(bool(match["code"] or match["reason"]) for match in matches) != len(COMMENT.findall(readme)):
        raise ValueError("README.md: an exit or not-run comment does not stand on the line above a sh block")
    return [Block(match["text"], int(match["code"] or 0), _why_not(match)) for match in matches]


def _why_not(match: re.Match[str]) -> str:
    """Why a block is not run, "" if it is."""
    program = match["program"]
    if program is not None and shutil.which(program) is None:
        return f"{program} is not here"
    return match["reason"] or ""


def copy_repository(target: Path) -> None:
    """Copy what git would commit, so that nothing ignored helps."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listing.stdout.split("\0")):
        if (REPOSITORY / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, target / name)


def main() -> int:
    """Run them; 1 if one ends otherwise than it should, or if there are none."""
    blocks = blocks_of((REPOSITORY / "README.md").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as directory:
        copy_repository(Path(directory))
        for block in blocks:
            if block.not_run:
                print(f"--- not run: {block.not_run}\n{block.text}", flush=True)
                continue
            print(f"--- expects exit code {block.exit_code}\n{block.text}", flush=True)
            start = time.monotonic()
            code = subprocess.run(["sh", "-euc", block.text], cwd=directory, check=False).returncode
            print(f"--- exit code {code} after {time.monotonic() - start:.0f} s", flush=True)
            if code != block.exit_code:
                return 1
    if all(block.not_run for block in blocks):
        print("README.md has no command to run", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
