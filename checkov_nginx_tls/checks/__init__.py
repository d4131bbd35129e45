"""The checks. Importing this package registers ours; it loads no more of Checkov than its base check."""

from checkov_nginx_tls.checks import (
    script_verify_disabled,
    upstream_bundle_expiring,
    upstream_bundle_missing,
    upstream_bundle_unusable,
    upstream_ciphers_weak,
    upstream_connection_shared,
    upstream_name_chosen,
    upstream_plaintext_public,
    upstream_protocols_obsolete,
    upstream_sni_off,
    upstream_store_replaced,
    upstream_verify_disabled,
    upstream_verify_idle,
    upstream_verify_impossible,
    upstream_verify_unset,
)

__all__ = [
    "script_verify_disabled",
    "upstream_bundle_expiring",
    "upstream_bundle_missing",
    "upstream_bundle_unusable",
    "upstream_ciphers_weak",
    "upstream_connection_shared",
    "upstream_name_chosen",
    "upstream_plaintext_public",
    "upstream_protocols_obsolete",
    "upstream_sni_off",
    "upstream_store_replaced",
    "upstream_verify_disabled",
    "upstream_verify_idle",
    "upstream_verify_impossible",
    "upstream_verify_unset",
]
