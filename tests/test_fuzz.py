"""Coverage-guided fuzzing: the same inputs each time, or as many as fit into NGINX_FUZZ_SECONDS if that is set."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SECONDS = os.environ.get("NGINX_FUZZ_SECONDS")
BOUND = f"-max_total_time={SECONDS}" if SECONDS else "-runs=8000"


@pytest.mark.fuzz
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed")
def test_no_input_stops_the_analysis(tmp_path: Path) -> None:
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    for path in sorted((HERE / "fixtures").rglob("*")):
        if path.is_file() and path.stat().st_size < 4000:
            for names in range(8):
                content = bytes([names]) + path.read_bytes()
                (seeds / hashlib.sha256(content).hexdigest()).write_bytes(content)
    program = HERE / "fuzz_analysis.py"
    # libFuzzer counts the peak of whoever started it as its own; the program limits its memory itself.
    limits = [BOUND, "-seed=1", "-timeout=30", "-max_len=4096", "-rss_limit_mb=0", "-print_final_stats=1"]
    done = subprocess.run(
        [sys.executable, str(program), *limits, str(seeds)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(HERE.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
