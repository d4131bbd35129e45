"""An nginx framework for Checkov: is the certificate of every upstream that nginx talks TLS to verified?"""

from __future__ import annotations

__version__ = "0.1.0"
