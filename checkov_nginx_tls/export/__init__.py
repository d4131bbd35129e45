"""The command ``export``: outbound TLS connections as documents for policy engines such as Conftest.

``schema.json`` describes a document; ``policies/rego`` judges them.
"""
