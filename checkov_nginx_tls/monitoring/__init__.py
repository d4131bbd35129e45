"""Configuration of Prometheus and its blackbox exporter that watches the certificates of nginx's TLS upstreams.

``peers`` finds the addresses of connections, ``probes`` says how each has to be probed to see what nginx sees, or why
it cannot be; ``documents`` makes the files of it, with the rules of ``alerts``, and ``writing`` puts them in place.
"""
