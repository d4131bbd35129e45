"""What the analysis costs, as ratios of two measurements of one run: ``python tests/measures.py`` prints a table.

GIXY_NG and GIXY_NEXT name the programs of those two scanners, each in an environment of its own; without them they
are left out. NGINX_CORPUS adds real files.
"""

from __future__ import annotations

import compileall
import gc
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Final, NamedTuple

from generated_trees import main_configuration, write_foreign_tree, write_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE: Final = Path(__file__).parent
POLICIES: Final = HERE.parent / "policies"
ROUNDS: Final = 3
SPARE: Final = 0.08
"""Seconds of the clock that a ratio of two programs' starts may differ by chance."""


class Measure(NamedTuple):
    """A ratio, and what it must not exceed: that of two times, or of what is used and what may be."""

    name: str
    ratio: float
    limit: float
    told: str

    @property
    def holds(self) -> bool:
        """Whether the ratio is within its limit."""
        return self.ratio <= self.limit


def seconds(work: Callable[[], object], rounds: int = ROUNDS, clock: Callable[[], float] = time.process_time) -> float:
    """The shortest time that some work took: of a processor, unless another clock is given."""
    times = []
    for _ in range(rounds):
        gc.collect()
        start = clock()
        work()
        times.append(clock() - start)
    return min(times)


def seconds_in_turn(
    *works: Callable[[], object], rounds: int = ROUNDS, clock: Callable[[], float] = time.process_time
) -> list[float]:
    """The same of each of several pieces of work, which take turns: a machine is not as fast at any time."""
    times = [[seconds(work, 1, clock) for work in works] for _ in range(rounds)]
    return [min(of_one) for of_one in zip(*times)]


def analyse(path: Path) -> object:
    """The whole analysis of a file or of a directory."""
    from checkov_nginx_tls import analysis

    return analysis.analyse(str(path)) if path.is_dir() else analysis.analyse(None, [str(path)])


def analyse_to_records(path: Path) -> object:
    """The analysis of a directory with Checkov's records of it, in this process alone."""
    from checkov.common.parallelizer.parallel_runner import parallel_runner
    from checkov.runner_filter import RunnerFilter

    from checkov_nginx_tls.runner import Runner

    workers, parallel_runner.workers_number = parallel_runner.workers_number, 1
    try:
        return Runner().run(str(path), runner_filter=RunnerFilter())
    finally:
        parallel_runner.workers_number = workers


def one_file_against_crossplane(scratch: Path) -> Measure:
    """The analysis of one file of 100,000 lines against bare ``crossplane.parse`` of it."""
    import crossplane

    path = scratch / "nginx.conf"
    path.write_text(main_configuration(100_000))
    ours, bare = seconds_in_turn(lambda: analyse(path), lambda: crossplane.parse(str(path)))
    told = f"{ours:.2f} s against {bare:.2f} s"
    return Measure("100,000 lines against crossplane.parse", ours / bare, 1.0, told)


def growth(
    name: str, sizes: tuple[int, int], write: Callable[[Path, int], Path], scratch: Path, slack: float = 1.5
) -> Measure:
    """How many times longer the larger of two sizes takes; at most ``slack`` times as much as it is larger."""
    paths = []
    for size in sizes:
        directory = scratch / str(size)
        directory.mkdir()
        paths.append(write(directory, size))
    times = seconds_in_turn(lambda: analyse(paths[0]), lambda: analyse(paths[1]))
    told = f"{times[0]:.2f} s and {times[1]:.2f} s"
    return Measure(name, times[1] / times[0], slack * sizes[1] / sizes[0], told)


def lines_of_one_file(scratch: Path) -> Measure:
    """From 10,000 to 100,000 lines."""
    return growth("10,000 -> 100,000 lines", (10_000, 100_000), _main_of_lines, scratch, 1.1)


def _main_of_lines(directory: Path, lines: int) -> Path:
    path = directory / "nginx.conf"
    path.write_text(main_configuration(lines))
    return path


def files_of_one_tree(scratch: Path) -> Measure:
    """From 1,000 to 10,000 files."""

    def write(directory: Path, files: int) -> Path:
        write_tree(directory, files, 20)
        return directory

    return growth("1,000 -> 10,000 files", (1_000, 10_000), write, scratch, 1.1)


def snippet_of_many_servers(scratch: Path) -> Measure:
    """One snippet, included from many servers."""

    def write(directory: Path, servers: int) -> Path:
        text = "".join(
            f"server {{ server_name s{number};\n"
            f"location / {{ proxy_pass https://b{number}.example.com; include t.conf; }} }}\n"
            for number in range(servers)
        )
        (directory / "nginx.conf").write_text(f"events {{}}\nhttp {{\n{text}}}\n")
        (directory / "t.conf").write_text("proxy_ssl_verify on;\nproxy_ssl_trusted_certificate /ca.pem;\n")
        return directory

    return growth("a snippet in 250 -> 1,000 servers", (250, 1_000), write, scratch)


def many_groups(scratch: Path) -> Measure:
    """Groups of servers, each used once."""

    def write(directory: Path, groups: int) -> Path:
        text = "".join(
            f"upstream g{number}.example.com {{ server 10.0.0.1:443; keepalive 4; }}\n"
            f"server {{ server_name s{number}; location / {{ proxy_pass https://g{number}.example.com; }} }}\n"
            for number in range(groups)
        )
        (directory / "nginx.conf").write_text(f"events {{}}\nhttp {{\n{text}}}\n")
        return directory

    return growth("250 -> 1,000 groups", (250, 1_000), write, scratch)


def locations_of_one_server(scratch: Path) -> Measure:
    """Locations in one server."""

    def write(directory: Path, locations: int) -> Path:
        text = "".join(
            f"location /{number}/ {{ proxy_pass https://b{number % 7}.example.com; proxy_set_header A $b; }}\n"
            for number in range(locations)
        )
        (directory / "nginx.conf").write_text(f"events {{}}\nhttp {{ server {{\n{text}}} }}\n")
        return directory

    return growth("2,500 -> 10,000 locations in a server", (2_500, 10_000), write, scratch)


def foreign_tree(scratch: Path) -> Measure:
    """A tree of 20,000 files of which 20 are nginx's, against a plain walk that reads them."""
    write_foreign_tree(scratch, 19_980)
    write_tree(scratch / "nginx", 20, 60)

    def walk() -> None:
        for directory, _, names in os.walk(scratch):
            for name in names:
                with open(os.path.join(directory, name), "rb") as file:
                    file.read()

    walk()
    ours, plain = seconds_in_turn(lambda: analyse(scratch), walk)
    return Measure(
        "20,000 files, 20 of nginx, against a walk", ours / plain, 1.5, f"{ours:.2f} s against {plain:.2f} s"
    )


def peak_memory(scratch: Path) -> Measure:
    """The peak of memory on the file of 100,000 lines, above the interpreter with Checkov loaded; of 150 MB."""
    path = scratch / "nginx.conf"
    path.write_text(main_configuration(100_000))
    program = (
        "import sys; import checkov.main; from checkov_nginx_tls.analysis import analyse\n"
        "def peak(): return int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])\n"
        "before = peak(); analyse(None, [sys.argv[1]]); print((peak() - before) / 1024)"
    )
    used = float(_output([sys.executable, "-W", "ignore", "-c", program, str(path)]).split()[-1])
    return Measure("peak memory, of 150 MB", used / 150, 1.0, f"{used:.0f} MB")


def checkov_on_demo(scratch: Path) -> Measure:
    """``checkov -d`` on the demonstration project with our policies, against the same without."""
    command = [sys.executable, "-m", "checkov.main", "-d", str(HERE / "fixtures" / "demo"), *_QUIET]
    bare, ours = _alternately(command, [*command, "--external-checks-dir", str(POLICIES)], 5, scratch)
    return Measure(
        "checkov -d on the demo, against without", (ours - SPARE) / bare, 1.10, f"{ours:.2f} s against {bare:.2f} s"
    )


def checkov_on_files(scratch: Path) -> Measure:
    """What our policies add to ``checkov -d`` on 1,000 nginx files, against the analysis itself, with its records."""
    root = scratch / "tree"
    write_tree(root, 1_000, 90)
    command = [sys.executable, "-m", "checkov.main", "-d", str(root), *_QUIET]
    bare, ours = _alternately(command, [*command, "--external-checks-dir", str(POLICIES)], 3, scratch)
    analysis = seconds(lambda: analyse_to_records(root), 2)
    told = f"{ours - bare:.2f} s more, the analysis {analysis:.2f} s"
    return Measure("checkov -d on 1,000 files: more than the analysis", (ours - bare) / analysis, 1.0, told)


_QUIET: Final = ("--skip-download", "--compact", "--quiet", "-o", "json")


def _compile_package() -> None:
    """As pip does where it installs the package: a program that starts compiles nothing."""
    compileall.compile_dir(HERE.parent / "checkov_nginx_tls", quiet=2)


def _alternately(one: list[str], other: list[str], rounds: int, directory: Path) -> list[float]:
    """The shortest times by the clock of two commands that run in turn."""
    _compile_package()
    run = partial(subprocess.run, check=False, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return seconds_in_turn(lambda: run(one), lambda: run(other), rounds=rounds, clock=time.perf_counter)


def other_scanners(scratch: Path) -> Iterator[Measure]:
    """The time of ``lint``, times what is asked, against that of other scanners of nginx configuration."""
    big = scratch / "nginx.conf"
    big.write_text(main_configuration(100_000))
    tree = scratch / "tree"
    write_tree(tree, 1_000, 90)
    for variable in ("GIXY_NG", "GIXY_NEXT"):
        program = os.environ.get(variable)
        if not program:
            continue
        for path, files, faster in ((big, [big], 8), (tree, sorted(tree.rglob("*.conf")), 3)):
            lint = [sys.executable, "-m", "checkov_nginx_tls", "lint", str(path)]
            ours, theirs = _alternately(lint, [program, *map(str, files)], 2, scratch)
            told = f"{ours:.2f} s against {theirs:.2f} s"
            yield Measure(f"{faster} x {path.name} against {variable.lower()}", faster * ours / theirs, 1.0, told)


def _output(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


MEASURES: Final[tuple[Callable[[Path], Measure], ...]] = (
    one_file_against_crossplane,
    lines_of_one_file,
    files_of_one_tree,
    snippet_of_many_servers,
    many_groups,
    locations_of_one_server,
    foreign_tree,
    peak_memory,
    checkov_on_demo,
    checkov_on_files,
)


def main(names: list[str]) -> None:
    """Print the table of the measures named, or of all."""
    for measure in MEASURES:
        if not names or measure.__name__ in names:
            with tempfile.TemporaryDirectory() as scratch:
                _print(measure(Path(scratch)))
    if not names or other_scanners.__name__ in names:
        with tempfile.TemporaryDirectory() as scratch:
            for one in other_scanners(Path(scratch)):
                _print(one)


def _print(one: Measure) -> None:
    too_much = "" if one.holds else "TOO MUCH"
    print(f"{one.name:52} {one.ratio:6.2f} of {one.limit:5.2f} {too_much:9} {one.told}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
