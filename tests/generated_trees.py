"""Configurations and trees of any size, the same for the same seed: what benchmarks measure."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_WORDS: Final = ("orders", "billing", "search", "login", "media", "reports", "stock", "carts", "users", "mail")
_HEADERS: Final = ("Host $host", "X-Real-IP $remote_addr", "X-Forwarded-For $proxy_add_x_forwarded_for")
_MIME: Final = "text/plain text/css application/json application/javascript image/svg+xml"


def main_configuration(lines: int, seed: int = 0) -> str:
    """A whole nginx.conf of about so many lines: groups, servers with locations, half of them verified."""
    chance = random.Random(seed)  # noqa: S311  # the same sequence each time is the point
    text = [
        "user nginx;",
        "worker_processes auto;",
        "events { worker_connections 1024; }",
        "http {",
        "    log_format main '$remote_addr - $remote_user [$time_local] \"$request\" $status';",
        f"    gzip_types {_MIME};",
    ]
    number = 0
    while len(text) < lines - 1:
        text += [f"    {line}" if line else "" for line in server(number, chance)]
        number += 1
    return "\n".join([*text, "}", ""])


def server(number: int, chance: random.Random) -> list[str]:
    """A group and a server of about 50 lines, as people write them."""
    name = f"{chance.choice(_WORDS)}{number}"
    text = [
        f"# {name}: answered by two machines",
        f"upstream {name}.internal.example.com {{",
        f"    server 10.{number % 250}.{number // 250 % 250}.1:8443 max_fails=3 fail_timeout=30s;",
        f"    server 10.{number % 250}.{number // 250 % 250}.2:8443 backup;",
        "    keepalive 16;",
        "}",
        "server {",
        "    listen 443 ssl;",
        f"    server_name {name}.example.com www.{name}.example.com;",
        f"    ssl_certificate /etc/nginx/certificates/{name}.pem;",
        f"    ssl_certificate_key /etc/nginx/certificates/{name}.key;",
        "    client_max_body_size 20m;",
        f"    access_log /var/log/nginx/{name}.log main;",
    ]
    for place in range(chance.randint(2, 5)):
        text += [f"    {line}" for line in location(f"/{chance.choice(_WORDS)}/{place}/", name, chance)]
    return [*text, "}", ""]


def location(path: str, group: str, chance: random.Random) -> list[str]:
    """A location that passes to a group over TLS."""
    text = [f"location {path} {{"]
    text += [f"    proxy_set_header {header};" for header in _HEADERS]
    text += ["    proxy_read_timeout 60s;  # reports are slow", f"    proxy_pass https://{group}.internal.example.com;"]
    if chance.random() < 0.5:
        text += [
            "    proxy_ssl_verify on;",
            "    proxy_ssl_verify_depth 2;",
            "    proxy_ssl_server_name on;",
            "    proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;",
        ]
    if chance.random() < 0.3:
        text += ["    if ($request_method = POST) {", "        return 405;", "    }"]
    return [*text, "}"]


def write_tree(root: Path, files: int, lines: int, seed: int = 0) -> None:
    """So many files of so many lines below a directory, one server or more each, 100 to a directory."""
    chance = random.Random(seed)  # noqa: S311  # the same sequence each time is the point
    for number in range(files):
        text: list[str] = []
        while len(text) < lines:
            text += server(number * 10 + len(text), chance)
        path = root / f"site{number // 100:03}" / f"{number:05}.conf"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(text), encoding="utf-8")


def write_foreign_tree(root: Path, files: int, seed: int = 0) -> None:
    """So many files that are not nginx's: programs, data, texts; 200 to a directory."""
    chance = random.Random(seed)  # noqa: S311  # the same sequence each time is the point
    for number in range(files):
        kind, line = chance.choice(_FOREIGN)
        body = "".join(line.format(word=chance.choice(_WORDS), number=index) for index in range(chance.randint(5, 120)))
        path = root / f"part{number // 200:03}" / f"{chance.choice(_WORDS)}{number}.{kind}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body, encoding="utf-8")


_FOREIGN: Final = (
    ("py", "def {word}_{number}(value):\n    return value + {number}\n\n"),
    ("go", "func {word}{number}(x int) int {{\n\treturn x + {number}\n}}\n"),
    ("ts", "export const {word}{number} = (x: number): number => x + {number};\n"),
    ("json", '{{"{word}": {number}, "items": [1, 2, 3]}}\n'),
    ("yaml", "{word}_{number}:\n  - name: {word}\n    value: {number}\n"),
    ("tf", 'resource "aws_s3_bucket" "{word}_{number}" {{\n  bucket = "{word}-{number}"\n}}\n'),
    ("md", "## {word} {number}\n\nHow the {word} service is operated, and by whom.\n\n"),
    ("sh", 'echo "{word} {number}"\nexport {word}_{number}=1\n'),
    ("conf", "{word}.setting.{number} = value\n"),
    ("txt", "{word} {number}: a line of a note\n"),
)
