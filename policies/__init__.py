"""Checkov loads checks only from directories that are Python packages; this file makes this one."""
