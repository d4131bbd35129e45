"""What ``embedded`` and ``deployments`` both read: YAML, here-documents, variables, manifests, names of files.

Nothing in here knows of nginx.
"""
