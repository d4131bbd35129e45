"""Where the files of a tree end up on the target machine, and so which of them an include names.

Dockerfiles, compose files, manifests and playbooks say what is put there; where none does, the path itself is
compared with those in the tree.
"""

from checkov_nginx_tls.deployments.deployed_files import DeployedFiles, Match, Reason
from checkov_nginx_tls.deployments.deployment import Deployment
from checkov_nginx_tls.deployments.reading import deployments, may_tell_deployments
from checkov_nginx_tls.formats.shell_variables import UNKNOWN

__all__ = ["UNKNOWN", "DeployedFiles", "Deployment", "Match", "Reason", "deployments", "may_tell_deployments"]
