"""What certificate files say about the chains that they can verify."""

from __future__ import annotations

from cryptography import x509


def has_intermediate(bundle: bytes) -> bool:
    """Whether a PEM bundle holds a CA certificate that another one signed; False where it cannot be read."""
    try:
        certificates = x509.load_pem_x509_certificates(bundle)
    except ValueError:
        return False
    return any(certificate.issuer != certificate.subject and _is_ca(certificate) for certificate in certificates)


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except (x509.ExtensionNotFound, ValueError):
        return False
    return constraints.value.ca
