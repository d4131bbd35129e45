"""Adds the nginx framework to an unmodified Checkov: ``checkov -d DIR --external-checks-dir policies``.

Checkov runs this file once a runner, on Linux in forked processes. All it needs is the installed package
``checkov-nginx-tls``; without it the scan ends with exit code 2, because a missing scanner must not look like
a clean result.
"""

from __future__ import annotations

import io
import multiprocessing
import sys

HOW_TO_INSTALL = "install it with the Python that runs checkov: python -m pip install checkov-nginx-tls"

# Set on the module sys: this file is run once a runner, as a new module each time.
SAID = "checkov_nginx_tls_is_unusable"

# Run by the main process. It would wait for ever for runners that wait for it to read their results.
STOP = """
import multiprocessing, sys
print({message!r}, file=sys.stderr, flush=True)
for process in multiprocessing.active_children():
    process.terminate()
sys.exit(2)
"""


class StoppingLogStream(io.StringIO):
    """Ends the scan when the main process receives it: the log stream is what every runner sends home."""

    message = ""

    def __reduce__(self) -> tuple[object, ...]:
        return exec, (STOP.format(message=self.message),)


def stop_scan(message: str) -> None:
    """End the whole scan with one line on standard error and exit code 2, from whichever process this is."""
    from checkov.common.runners import runner_registry

    in_runner_process = multiprocessing.parent_process() is not None
    if in_runner_process and hasattr(runner_registry, "log_stream"):
        StoppingLogStream.message = message
        runner_registry.log_stream = StoppingLogStream()
        return
    if not hasattr(sys, SAID):
        setattr(sys, SAID, True)
        print(message, file=sys.stderr, flush=True)
    raise SystemExit(2)


try:
    from checkov_nginx_tls.plugin import activate

    activate(__file__)
except Exception as error:  # noqa: BLE001  # Checkov would log it and end with exit code 0
    stop_scan(f"checkov-nginx-tls: nginx is not scanned, cannot use the package ({error}); {HOW_TO_INSTALL}")
