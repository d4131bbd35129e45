"""``python -m checkov_nginx_tls``: the same program as ``checkov-nginx-tls``."""

from __future__ import annotations

import sys

from checkov_nginx_tls.cli import main

if __name__ == "__main__":
    sys.exit(main())
