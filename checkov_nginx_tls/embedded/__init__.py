"""nginx configuration inside files of other formats: YAML, shell scripts, Dockerfiles, Terraform and nginx -T dumps.

Each place that holds some becomes a Region, whose overlay is what nginx would read there.
"""

from checkov_nginx_tls.embedded.finding import embedded_regions, may_embed
from checkov_nginx_tls.embedded.regions import Region

__all__ = ["Region", "embedded_regions", "may_embed"]
