"""``fix --write`` replaces files as a whole, keeps what they are, and loses nothing when something goes wrong."""

from __future__ import annotations

import errno
import os
import resource
import stat
import subprocess
import sys
import tempfile
import threading
import time
from typing import TYPE_CHECKING

import pytest

from checkov_nginx_tls.cli import main
from checkov_nginx_tls.fixes import command
from checkov_nginx_tls.fixes.mending import mend
from checkov_nginx_tls.fixes.writing import NotWritten, replace_together

if TYPE_CHECKING:
    from pathlib import Path

    from checkov_nginx_tls.fixes.mending import Mending

fcntl = pytest.importorskip("fcntl", reason="files are not locked here")

TEXT = b"location / {\n    proxy_pass https://api.vendor.io;\n}\n"
OTHER = b"# somebody else's\n"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a.conf"
    path.write_bytes(TEXT)
    return path


def is_mended(path: Path) -> bool:
    return b"proxy_ssl_verify on;" in path.read_bytes()


def test_the_mode_stays(file: Path) -> None:
    file.chmod(0o640)
    assert main(["fix", "a.conf", "--write"]) == 1
    assert is_mended(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert os.listdir() == ["a.conf"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_the_owner_stays(file: Path) -> None:
    os.chown(file, 12345, 23456)
    file.chmod(0o604)
    assert main(["fix", "a.conf", "--write"]) == 1
    status = file.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (12345, 23456, 0o604)


def test_extended_attributes_stay(file: Path) -> None:
    try:
        os.setxattr(file, "user.note", b"kept")
    except (AttributeError, OSError):
        pytest.skip("no extended attributes here")
    assert main(["fix", "a.conf", "--write"]) == 1
    assert os.getxattr(file, "user.note") == b"kept"


def test_links_stay_and_their_targets_are_mended(file: Path, tmp_path: Path) -> None:
    (tmp_path / "available").mkdir()
    (tmp_path / "enabled").mkdir()
    target = tmp_path / "available" / "a.conf"
    file.rename(target)
    link = tmp_path / "enabled" / "a.conf"
    link.symlink_to("../available/a.conf")
    (tmp_path / "nginx.conf").write_text("events {}\nhttp { server { include enabled/*.conf; } }\n")
    assert main(["fix", ".", "--write"]) == 1
    assert link.is_symlink()
    assert is_mended(target)
    target.write_bytes(TEXT)
    assert main(["fix", "enabled/a.conf", "--write"]) == 1
    assert link.is_symlink()
    assert is_mended(target)


def test_a_link_out_of_the_tree_is_not_followed(
    file: Path, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "b.conf"
    file.rename(outside)
    file.symlink_to(outside)
    (tmp_path / "nginx.conf").write_text("events {}\nhttp { server { include a.conf; } }\n")
    assert main(["fix", ".", "--write"]) == 0
    assert outside.read_bytes() == TEXT


def test_a_full_disk(file: Path) -> None:
    """A limit on the size of files fails as a full disk does: in the middle of writing."""
    result = subprocess.run(
        [sys.executable, "-m", "checkov_nginx_tls", "fix", "a.conf", "--write"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
    )
    assert result.returncode == 2
    assert result.stderr.splitlines()[0] == f"a.conf: cannot be written: {os.strerror(errno.EFBIG)}"
    assert file.read_bytes() == TEXT
    assert os.listdir() == ["a.conf"]


def test_a_directory_that_takes_no_files(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(**_arguments: object) -> tuple[int, str]:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    assert main(["fix", "a.conf", "--write"]) == 2
    assert capsys.readouterr().err.splitlines()[0] == "a.conf: cannot be written: Read-only file system"
    assert file.read_bytes() == TEXT


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_that_is_read_only(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.chmod(0o444)
    assert main(["fix", "a.conf", "--write"]) == 2
    assert capsys.readouterr().err.splitlines()[0] == "a.conf: may not be written: it is read-only"
    assert file.read_bytes() == TEXT


def test_a_file_that_was_changed_meanwhile(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:

    def mend_and_change(*arguments: object) -> Mending:
        mending = mend(*arguments)  # type: ignore[arg-type]
        file.write_bytes(OTHER)
        return mending

    monkeypatch.setattr(command, "mend", mend_and_change)
    assert main(["fix", "a.conf", "--write"]) == 2
    assert capsys.readouterr().err.splitlines()[0] == (
        "a.conf: has changed since it was read, and is left as it is: run the command again"
    )
    assert file.read_bytes() == OTHER
    assert os.listdir() == ["a.conf"]


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    one, other = tmp_path / "one.conf", tmp_path / "two.conf"
    one.write_bytes(b"one")
    other.write_bytes(b"two")
    return one, other


def test_files_that_belong_together_are_replaced_together(two: tuple[Path, Path]) -> None:
    one, other = map(str, two)
    replace_together({one: b"one", other: b"two"}, {one: b"ONE", other: b"TWO"})
    assert [path.read_bytes() for path in two] == [b"ONE", b"TWO"]


def test_none_is_replaced_if_one_was_changed(two: tuple[Path, Path]) -> None:
    one, other = map(str, two)
    two[1].write_bytes(OTHER)
    with pytest.raises(NotWritten) as error:
        replace_together({one: b"one", other: b"two"}, {one: b"ONE", other: b"TWO"})
    assert error.value.path == other
    assert [path.read_bytes() for path in two] == [b"one", OTHER]
    assert sorted(os.listdir(two[0].parent)) == ["one.conf", "two.conf"]


def test_what_was_replaced_is_put_back_if_another_one_cannot_be(
    two: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = map(str, two)
    replace = os.replace

    def busy(source: str, target: str) -> None:
        if target == other:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))  # a file that is mounted into a container
        replace(source, target)

    monkeypatch.setattr(os, "replace", busy)
    with pytest.raises(NotWritten, match="cannot be written: Device or resource busy"):
        replace_together({one: b"one", other: b"two"}, {one: b"ONE", other: b"TWO"})
    assert [path.read_bytes() for path in two] == [b"one", b"two"]
    assert sorted(os.listdir(two[0].parent)) == ["one.conf", "two.conf"]


def keep_busy(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no file take another one's place."""
    replace = os.replace

    def busy(source: str, target: str) -> None:
        if target == str(file):
            raise OSError(errno.EBUSY, "busy")
        replace(source, target)

    monkeypatch.setattr(os, "replace", busy)


def test_a_fix_of_several_files_is_written_whole_or_not(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_bytes(b"location / { proxy_pass https://app; } location /b/ { proxy_pass https://b.internal; }\n")
    (tmp_path / "b.conf").write_bytes(TEXT)
    main_file = tmp_path / "nginx.conf"
    main_file.write_text(
        "events {}\nhttp {\n    proxy_ssl_verify off;\n    upstream app { server app.internal:8443; }\n"
        "    server {\n        include a.conf;\n    }\n}\n"
    )
    keep_busy(file, monkeypatch)
    before = main_file.read_bytes()
    assert main(["fix", ".", "--ca", "/ca.pem", "--write"]) == 2
    result = capsys.readouterr()
    assert result.out == "mended b.conf\n"
    assert result.err.splitlines()[0] == (
        "a.conf: cannot be written: busy; left as it is with it, for the same fix: nginx.conf"
    )
    assert "1 finding in 1 file mended" in result.err
    assert main_file.read_bytes() == before
    assert is_mended(tmp_path / "b.conf")


def test_a_finding_whose_fix_is_in_a_file_that_cannot_be_written_does_not_count(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Verification is on in nginx.conf for a module that nobody uses; what the others lack goes next to the passes."""
    file.write_bytes(
        b"location / { grpc_pass grpcs://a.internal:443; } location /b/ { uwsgi_pass suwsgi://b.internal:443; }\n"
    )
    (tmp_path / "b.conf").write_bytes(TEXT)
    (tmp_path / "nginx.conf").write_text(
        "events {}\nhttp {\n    proxy_ssl_verify on;\n    proxy_ssl_trusted_certificate /ca.pem;\n"
        "    server {\n        include a.conf;\n    }\n}\n"
    )
    keep_busy(file, monkeypatch)
    assert main(["fix", ".", "--ca", "/ca.pem", "--system-ca", "/system.pem", "--write"]) == 2
    result = capsys.readouterr()
    assert result.out == "mended b.conf\n"
    assert result.err.splitlines() == [
        "a.conf: cannot be written: busy",
        "1 finding in 1 file mended",
        "nginx must find /system.pem where it runs, and does not start without",
    ]


def test_nothing_was_written(file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    keep_busy(file, monkeypatch)
    assert main(["fix", ".", "--write"]) == 2
    assert capsys.readouterr().err == "a.conf: cannot be written: busy\nnothing was written\n"


def test_a_run_waits_for_another_and_then_sees_its_changes(two: tuple[Path, Path]) -> None:
    path = two[0]
    errors: list[NotWritten] = []

    def write() -> None:
        try:
            replace_together({str(path): b"one"}, {str(path): b"ONE"})
        except NotWritten as error:
            errors.append(error)

    with open(path, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        thread = threading.Thread(target=write)
        thread.start()
        time.sleep(0.1)
        assert thread.is_alive()
        path.write_bytes(OTHER)
    thread.join(10)
    assert [str(error) for error in errors] == [
        "has changed since it was read, and is left as it is: run the command again"
    ]
    assert path.read_bytes() == OTHER


def test_two_runs_at_once(file: Path) -> None:
    """Each mends another way; one of them wins as a whole, and the other one says so or finds nothing to do."""
    file.write_bytes(TEXT.replace(b"api.vendor.io", b"app.internal"))
    command_line = [sys.executable, "-m", "checkov_nginx_tls", "fix", "a.conf", "--write", "--ca"]
    runs = [subprocess.Popen([*command_line, ca], stderr=subprocess.PIPE, text=True) for ca in ("/1.pem", "/2.pem")]
    errors = [run.communicate(timeout=60)[1] for run in runs]
    codes = [run.returncode for run in runs]
    text = file.read_bytes()
    assert text.count(b"proxy_ssl_trusted_certificate") == 1
    winner = 0 if b"/1.pem" in text else 1
    assert codes[winner] == 1
    loser = errors[1 - winner]
    assert "has changed since it was read" in loser or loser == "nothing to change\n", loser
