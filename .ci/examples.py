"""The examples of policies/running.md, the action and the hooks, as the commands that their places would run.

``python .ci/examples.py DIRECTORY`` runs them in copies of the demonstration project, with the wheel of this project
in DIRECTORY and everything else from the package index; the tests run them without installing anything.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parent.parent
DEMO = REPOSITORY / "tests" / "fixtures" / "demo"
PAGE = REPOSITORY / "policies" / "running.md"
ACTION = REPOSITORY / "action.yml"
HOOKS = REPOSITORY / ".pre-commit-hooks.yaml"
EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


@dataclass(frozen=True)
class Example:
    """Commands of one place, each run by a shell of its own that ends at the first error, and the reports they write.

    ``environment`` is what the place sets; ``$PWD`` in it is the directory of the project. The last command finds
    something and ends with ``exit_code``; the others end with 0.
    """

    name: str
    commands: tuple[str, ...]
    reports: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    exit_code: int = 1


def examples() -> list[Example]:
    """All of them, in the order of the page."""
    return [github(), gitlab(), azure(), jenkins(), container(), pipx(), *hooks()]


def block(title: str, language: str) -> str:
    """The fenced block of a language in the section of the page with that title."""
    _, _, section = PAGE.read_text(encoding="utf-8").partition(f"\n## {title}\n")
    (text,) = re.findall(rf"^```{language}\n(.*?)^```$", section.partition("\n## ")[0], re.DOTALL | re.MULTILINE)
    return str(text)


def github() -> Example:
    """The workflow's step with the action, and the action's steps."""
    workflow = yaml.safe_load(block("GitHub Actions", "yaml"))
    (job,) = workflow["jobs"].values()
    (step,) = [step for step in job["steps"] if step.get("id") == "scan"]
    (upload,) = [step for step in job["steps"] if "upload-sarif" in step["uses"]]
    action = yaml.safe_load(ACTION.read_text(encoding="utf-8"))
    unknown = set(step["with"]) - set(action["inputs"])
    if unknown:
        raise ValueError(f"the workflow gives the action inputs that it does not have: {', '.join(unknown)}")
    given = {f"inputs.{name}": one["default"] for name, one in action["inputs"].items()}
    given.update((f"inputs.{name}", value) for name, value in step["with"].items())
    report = evaluated("${{ inputs.sarif-file }}", given)
    given["steps.scan.outputs.sarif-file"] = report
    if evaluated(upload["with"]["sarif_file"], given) != report:
        raise ValueError("the workflow uploads another file than the action writes")
    steps = action["runs"]["steps"]
    environment = {
        "GITHUB_ACTION_PATH": str(REPOSITORY),
        "GITHUB_OUTPUT": "$PWD/.output",
        "RUNNER_TEMP": "$PWD/.temp",
        **{name: evaluated(value, given) for one in steps for name, value in one.get("env", {}).items()},
    }
    return Example("GitHub Actions", tuple(one["run"] for one in steps), (report,), tuple(environment.items()))


def evaluated(text: str, given: dict[str, Any]) -> str:
    """A text with its expressions replaced; KeyError where one is not given."""
    return EXPRESSION.sub(lambda match: str(given[match[1]]), str(text))


def gitlab() -> Example:
    """The script of the job; one shell runs all of it."""
    (job,) = yaml.safe_load(block("GitLab CI", "yaml")).values()
    *first, last = job["script"]
    return Example("GitLab CI", ("\n".join(first), last), tuple(job["artifacts"]["reports"].values()))


def azure() -> Example:
    """The steps that are scripts."""
    steps = yaml.safe_load(block("Azure Pipelines", "yaml"))["steps"]
    (tests,) = [step["inputs"]["testResultsFiles"] for step in steps if "task" in step]
    (artifact,) = [step["publish"] for step in steps if "publish" in step]
    commands = tuple(step["script"] for step in steps if "script" in step)
    return Example("Azure Pipelines", commands, (tests, f"{artifact}/nginx-tls.sarif"))


def jenkins() -> Example:
    """The steps that are shell commands."""
    text = block("Jenkins", "groovy")
    reports = re.findall(r"(?:junit |pattern: )'([^']+)'", text)
    return Example("Jenkins", tuple(re.findall(r"^ *sh '([^']+)'$", text, re.MULTILINE)), tuple(reports))


def container() -> Example:
    """What building the image runs, and what running it does; the root directory is the project's."""
    name = "A container, on top of Checkov's"
    (build,) = re.findall(r"^RUN (.*)$", block(name, "dockerfile"), re.MULTILINE)
    _, run = block(name, "sh").splitlines()
    arguments = run[run.index(" checkov-nginx-tls ") + len(" checkov-nginx-tls ") :]
    return Example("container", (build.replace(" /policies", " .policies"), f"checkov {arguments}".replace(" /", " .")))


def pipx() -> Example:
    """The commands of the section."""
    return Example("pipx", tuple(block("A Checkov that pipx has installed", "sh").splitlines()))


def hooks() -> list[Example]:
    """The hooks with their own arguments; those that the page uses are among them."""
    offered = {hook["id"]: hook for hook in yaml.safe_load(HOOKS.read_text(encoding="utf-8"))}
    (repository,) = yaml.safe_load(block("pre-commit", "yaml"))["repos"]
    if not {hook["id"] for hook in repository["hooks"]} <= set(offered):
        raise ValueError("the page uses hooks that there are not")
    refuses = {"checkov-nginx-tls-fix"}  # some of the demonstration's mistakes have no one right answer
    return [
        Example(
            f"pre-commit {name}",
            (shlex.join([*shlex.split(hook["entry"]), *hook["args"]]),),
            exit_code=2 if name in refuses else 1,
        )
        for name, hook in offered.items()
    ]


def main(wheels: str) -> int:
    """Run them for real, in one environment where a place has one; 1 if one ends otherwise than it should."""
    with tempfile.TemporaryDirectory() as directory:
        programs = Path(directory) / "environment" / "bin"
        subprocess.run([sys.executable, "-m", "venv", programs.parent], check=True)
        subprocess.run([programs / "pip", "install", "--quiet", "pipx"], check=True)
        for number, example in enumerate(examples()):
            project = Path(directory) / f"{number}"
            prepare(project)
            environment = {
                **os.environ,
                "PATH": f"{project}/.local/bin:{programs}:{os.environ['PATH']}",
                "HOME": str(project),
                "PIPX_HOME": str(project / ".pipx"),
                "PIPX_BIN_DIR": str(project / ".local" / "bin"),
                "PIP_FIND_LINKS": str(Path(wheels).resolve()),
                "PIP_NO_COMPILE": "1",
                "PIP_CACHE_DIR": os.environ.get("PIP_CACHE_DIR", str(Path.home() / ".cache" / "pip")),
                "CKV_SKIP_PACKAGE_UPDATE_CHECK": "true",
                **{name: value.replace("$PWD", str(project)) for name, value in example.environment},
            }
            for command in example.commands:
                print(f"--- {example.name}\n{command}", flush=True)
                shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", command]
                code = subprocess.run(shell, cwd=project, env=environment, check=False).returncode
                print(f"--- exit code {code}", flush=True)
                if code != (example.exit_code if command is example.commands[-1] else 0):
                    return 1
            if not all((project / report).is_file() for report in example.reports):
                print(f"{example.name} does not write {', '.join(example.reports)}", file=sys.stderr)
                return 1
    return 0


def prepare(project: Path) -> None:
    """A copy of the demonstration project, as the root of a git work tree."""
    shutil.copytree(DEMO, project)
    subprocess.run(["git", "init", "--quiet", project], check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
