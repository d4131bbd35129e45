"""Coverage-guided fuzzing for a bounded time: NGINX_FUZZ_SECONDS says how long, 60 if it is not set."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SECONDS = int(os.environ.get("NGINX_FUZZ_SECONDS", "60"))


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
    limits = [f"-max_total_time={SECONDS}", "-seed=1", "-timeout=30", "-max_len=4096", "-print_final_stats=1"]
    done = subprocess.run(
        [sys.executable, str(program), *limits, str(seeds)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(HERE.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
