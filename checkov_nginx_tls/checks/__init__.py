"""The checks. Importing this package registers ours; it loads no more of Checkov than its base check."""

from checkov_nginx_tls.checks import (
    upstream_bundle_missing,
    upstream_connection_shared,
    upstream_name_chosen,
    upstream_store_replaced,
    upstream_verify_disabled,
    upstream_verify_idle,
    upstream_verify_impossible,
    upstream_verify_unset,
)

__all__ = [
    "upstream_bundle_missing",
    "upstream_connection_shared",
    "upstream_name_chosen",
    "upstream_store_replaced",
    "upstream_verify_disabled",
    "upstream_verify_idle",
    "upstream_verify_impossible",
    "upstream_verify_unset",
]
