"""The checks. Importing this package registers ours; it loads no more of Checkov than its base check."""

from checkov_nginx_tls.checks import (
    upstream_bundle_missing,
    upstream_verify_disabled,
    upstream_verify_unset,
)

__all__ = ["upstream_bundle_missing", "upstream_verify_disabled", "upstream_verify_unset"]
