"""Rules about Kubernetes objects from which ingress controllers write nginx configuration.

What stands in objects and how they refer to each other is read here without Checkov; ``checkov_checks`` alone
brings the rules into Checkov's own kubernetes and terraform runners.
"""
