"""Which file of a tree a path of the target machine means."""

from __future__ import annotations

import os
import textwrap
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkov_nginx_tls.deployments import (
    UNKNOWN,
    DeployedFiles,
    Deployment,
    Match,
    Reason,
    deployments,
    may_tell_deployments,
)
from checkov_nginx_tls.embedded import embedded_regions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ROOT = "/r"
Tree = dict[str, str]  # text by path below ROOT


def tree(paths: str, **texts: str) -> Tree:
    """Empty files, and files with a text."""
    return {**dict.fromkeys(paths.split(), ""), **texts}


def absolute(path: str) -> str:
    return f"{ROOT}/{path}"


def relative(path: str) -> str:
    return os.path.relpath(path, ROOT)


def said(files: Mapping[str, str]) -> tuple[Deployment, ...]:
    known = {absolute(path) for path in files}
    for path in list(known):
        directory = os.path.dirname(path)
        while len(directory) >= len(ROOT):
            known.add(directory)
            directory = os.path.dirname(directory)
    texts = {absolute(path): textwrap.dedent(text) for path, text in files.items()}
    return deployments(texts, known.__contains__)


def find(files: Mapping[str, str], includer: str, argument: str, key: str = "") -> list[Match]:
    tell = said(files)
    return DeployedFiles([absolute(path) for path in files], lambda: tell, ROOT).find(argument, absolute(includer), key)


def found(files: Mapping[str, str], includer: str, argument: str) -> list[str]:
    return [relative(match.path) + (f"#{match.key}" if match.key else "") for match in find(files, includer, argument)]


def shown(all_said: Iterable[Deployment]) -> list[str]:
    return [
        f"{one.deployed} {relative(one.source) if one.source else f'{relative(one.document)}#{one.key}'}"
        + (f" {one.only}" if one.only else "")
        for one in all_said
    ]


@pytest.mark.parametrize(
    ("dockerfile", "expected"),
    [
        ("COPY nginx/a.conf /etc/nginx/a.conf", ["/etc/nginx/a.conf nginx/a.conf"]),
        ("add nginx/a.conf /etc/nginx/a.conf", ["/etc/nginx/a.conf nginx/a.conf"]),
        ('COPY ["nginx/a.conf", "/etc/nginx/a.conf"]', ["/etc/nginx/a.conf nginx/a.conf"]),
        ("COPY --chown=1:1 --link nginx/a.conf /etc/nginx/a.conf", ["/etc/nginx/a.conf nginx/a.conf"]),
        ("COPY --from=build nginx/a.conf /etc/nginx/a.conf", []),
        ("COPY nginx/a.conf /etc/nginx/", ["/etc/nginx nginx/a.conf", "/etc/nginx/a.conf nginx/a.conf"]),
        ("COPY nginx/ /etc/nginx", ["/etc/nginx nginx"]),
        ("COPY nginx /etc/nginx", ["/etc/nginx nginx"]),
        ("COPY . /", ["/ ."]),
        ("COPY nginx/*.conf /etc/nginx/", ["/etc/nginx nginx *.conf"]),
        ("WORKDIR /etc\nWORKDIR nginx\nCOPY nginx .", ["/etc/nginx nginx", "/etc/nginx/nginx nginx"]),
        ("FROM a AS b\nWORKDIR /b\nFROM b\nCOPY nginx/a.conf a.conf", ["/b/a.conf nginx/a.conf"]),
        ("FROM a\nWORKDIR /a\nFROM b\nCOPY nginx/a.conf a.conf", ["/a.conf nginx/a.conf"]),
        ("ENV D=/etc/nginx\nCOPY nginx/a.conf ${D}/a.conf", ["/etc/nginx/a.conf nginx/a.conf"]),
        ("ENV D /etc/nginx\nCOPY nginx/a.conf $D/a.conf", ["/etc/nginx/a.conf nginx/a.conf"]),
        ("COPY nginx/a.conf ${D:-/etc/nginx}/a.conf", ["/etc/nginx/a.conf nginx/a.conf"]),
        ("COPY nginx/a.conf $D/conf.d/a.conf", ["conf.d/a.conf nginx/a.conf"]),
        ("COPY nginx/a.conf $D", []),
        ("COPY nginx/a.conf /etc/nginx", ["/etc/nginx nginx/a.conf", "/etc/nginx/a.conf nginx/a.conf"]),
        ("COPY $D/a.conf /etc/nginx/a.conf", []),
        ("COPY \\\n  # why\n\n  nginx/a.conf \\\n  /etc/nginx/a.conf", ["/etc/nginx/a.conf nginx/a.conf"]),
        ("COPY nginx/a.conf /etc/nginx/a.conf \\\n", ["/etc/nginx/a.conf nginx/a.conf"]),
        ("COPY nginx/a.conf /etc/nginx/a.conf \\\n# end\n", ["/etc/nginx/a.conf nginx/a.conf"]),
        ("# escape=`\nCOPY nginx/a.conf `\n /etc/nginx/a.conf", ["/etc/nginx/a.conf nginx/a.conf"]),
        ("RUN <<EOF\nCOPY nginx/a.conf /etc/nginx/a.conf\nEOF\nCOPY nginx /a/nginx", ["/a/nginx nginx"]),
        ("COPY <<EOF /etc/nginx/a.conf\nEOF\nCOPY nginx /a/nginx", ["/a/nginx nginx"]),
        ("RUN echo $((1<<EOF))\nCOPY nginx /a/nginx", ["/a/nginx nginx"]),
        ("COPY nginx/a.conf.j2 /a/a.conf.j2", ["/a/a.conf.j2 nginx/a.conf.j2", "/a/a.conf nginx/a.conf.j2"]),
        ("COPY ../other /etc/nginx/", []),
        ("COPY https://example.com/a.conf /etc/nginx/", []),
        ("COPY\nCOPY a\nCOPY [1, 2]\nCOPY [\nCOPY {}\nFROM\nENV\nADD --link\n\\", []),
    ],
)
def test_dockerfiles(dockerfile: str, expected: list[str]) -> None:
    assert shown(said(tree("nginx/a.conf nginx/a.conf.j2", Dockerfile=dockerfile))) == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"Dockerfile": "COPY a/x /x"}, ["/x a/x"]),
        ({"a/Dockerfile": "COPY x /x"}, ["/x a/x"]),
        ({"b/c/Dockerfile.prod": "COPY a/x /x"}, ["/x a/x"]),
        ({"a/web.dockerfile": "COPY x /x"}, ["/x a/x"]),
        ({"Containerfile": "COPY a/x /x"}, ["/x a/x"]),
        ({"README": "COPY a/x /x"}, []),
        (
            {"b/Dockerfile": "COPY x /x", "c.yml": "services: {w: {build: {context: a, dockerfile: ../b/Dockerfile}}}"},
            ["/x a/x"],
        ),
        ({"a/Dockerfile": "COPY a/x /x", "d/c.yml": "services:\n  w:\n    build: ../a"}, ["/x a/x"]),
    ],
)
def test_the_build_context_is_near(files: Tree, expected: list[str]) -> None:
    assert shown(said({"a/x": "", **files})) == expected


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("volumes: ['./n/a:/etc/nginx/a:ro']", ["/etc/nginx/a n/a"]),
        ("volumes: ['./n:/etc/nginx']", ["/etc/nginx n"]),
        ("volumes: [{type: bind, source: n/a, target: /etc/nginx/a}]", ["/etc/nginx/a n/a"]),
        ("volumes: ['${CONF:-./n/a}:/etc/nginx/a', '${PWD}/n:/n']", ["/etc/nginx/a n/a", "/n n"]),
        ("volumes: ['n:/etc/nginx', './missing:/x', '/n/a:/y', './n', {type: volume, source: n, target: /z}]", []),
        ("volumes: ['./n/a:${DIR}/conf.d/a']", ["conf.d/a n/a"]),
        ("configs: [{source: c, target: /etc/nginx/a}]", ["/etc/nginx/a n/a"]),
        ("configs: [c]\n        secrets: [c, s]", ["/c n/a", "/run/secrets/s n/a"]),
        ("<<: *common", ["/common n/a"]),
    ],
)
def test_compose_files(service: str, expected: list[str]) -> None:
    text = f"""
    x-common: &common
        volumes: [./n/a:/common]
    services:
      web:
        {service}
    configs:
      c: {{file: ./n/a}}
    secrets:
      s: {{file: n/a}}
    """
    assert shown(said(tree("n/a", **{"compose.yaml": text}))) == expected


CONFIG_MAP = """
kind: ConfigMap
metadata: {name: web}
data:
  nginx.conf: a
  tls.conf: b
"""
POD = """
kind: Deployment
spec:
  template:
    spec:
      volumes:
        - name: config
          configMap: {name: web%s}
      containers:
        - volumeMounts:
            - name: config
              mountPath: /etc/nginx%s
"""


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"k.yaml": f"{CONFIG_MAP}---{POD % ('', '')}"},
            [
                "/etc/nginx/nginx.conf k.yaml#ConfigMap/web.data[nginx.conf]",
                "/etc/nginx/tls.conf k.yaml#ConfigMap/web.data[tls.conf]",
            ],
        ),
        (
            {"k.yaml": CONFIG_MAP, "p.yaml": POD % ("", "/x.conf\n              subPath: tls.conf")},
            ["/etc/nginx/x.conf k.yaml#ConfigMap/web.data[tls.conf]"],
        ),
        (
            {"k.yaml": CONFIG_MAP, "p.yaml": POD % (", items: [{key: tls.conf, path: s/t.conf}]", "")},
            ["/etc/nginx/s/t.conf k.yaml#ConfigMap/web.data[tls.conf]"],
        ),
        (
            {"p.yaml": POD % ("", ""), "kustomization.yaml": "configMapGenerator: [{name: web, files: [a/x, y=a/x]}]"},
            ["/etc/nginx/x a/x", "/etc/nginx/y a/x"],
        ),
        (
            {
                "p.yaml": (POD % ("", "")).replace(
                    "configMap: {name: web}", "projected: {sources: [{configMap: {name: web}}]}"
                ),
                "kustomization.yml": "configMapGenerator:\n- name: web\n  files:\n  - a/x",
            },
            ["/etc/nginx/x a/x"],
        ),
        ({"a/k.yaml": CONFIG_MAP.replace("web", "other"), "p.yaml": POD % ("", "")}, []),
        ({"p.yaml": (POD % ("", "")).replace("name: config\n          c", "name: other\n          c")}, []),
    ],
)
def test_config_maps(files: Tree, expected: list[str]) -> None:
    assert shown(said({"a/x": "", **files})) == expected


def test_a_pod_mounts_the_nearest_config_map() -> None:
    pods = {f"{name}/deploy/p.yaml": POD % ("", "") for name in "ab"}
    maps = {f"{name}/k.yaml": CONFIG_MAP for name in "abc"}

    assert {(one.path[3], one.document[3]) for one in said({**pods, **maps})} == {("a", "a"), ("b", "b")}


def test_keys_of_config_maps_are_those_of_embedded_configuration() -> None:
    text = """
    kind: ConfigMap
    metadata: {name: web}
    data:
      a.conf: "proxy_pass https://a;"
      tls-1: "proxy_pass https://c;"
      b@c: "proxy_pass https://b;"
    ---
    spec:
      volumes: [{name: v, configMap: {name: web}}]
      containers: [{volumeMounts: [{name: v, mountPath: /etc/nginx}]}]
    """

    assert {(one.deployed, one.key) for one in said({"k.yaml": text})} == {
        (region.deployed, region.key) for region in embedded_regions("k.yaml", textwrap.dedent(text))
    }


@pytest.mark.parametrize("name", ['{{ include "web.name" . }}-nginx', "{{ .Values.name }}"])
def test_helm_templates_are_read_as_far_as_they_are_yaml(name: str) -> None:
    config_map = CONFIG_MAP.replace("{name: web}", f"\n  name: {name}")
    pod = (POD % ("", "")).replace("{name: web}", f"\n            name: {name}")
    files = {"templates/c.yaml": config_map, "templates/p.yaml": pod}
    if "include" in name:
        files = {path: f"{{{{- if .Values.on }}}}{text}{{{{- end }}}}\n" for path, text in files.items()}

    first, _ = said(files)

    assert (first.deployed, first.line) == ("/etc/nginx/nginx.conf", 13)
    assert first.key == f"ConfigMap/{name}.data[nginx.conf]"


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("template: {src: a.j2, dest: /etc/nginx/a}", ["/etc/nginx/a role/templates/a.j2"]),
        ("ansible.builtin.copy: {src: b, dest: /etc/nginx/b}", ["/etc/nginx/b role/files/b"]),
        ("copy: src=b dest=/etc/nginx/b mode=0644", ["/etc/nginx/b role/files/b"]),
        ("action: copy src=b dest='/etc/nginx/b'", ["/etc/nginx/b role/files/b"]),
        ("copy: {src: b}\n  args: {dest: /etc/nginx/b}", ["/etc/nginx/b role/files/b"]),
        ("copy: {src: b, dest: /etc/}", ["/etc role/files/b", "/etc/b role/files/b"]),
        ("copy: {src: conf.d/, dest: /etc/nginx}", ["/etc/nginx role/files/conf.d"]),
        ("copy: {src: b, dest: '{{ dir }}/conf.d/b'}", ["conf.d/b role/files/b"]),
        ("copy: {src: b, dest: '/etc/{{ a | default(\"/x\") }}/b'}", ["b role/files/b"]),
        (
            "copy: {src: b, dest: '/etc/nginx/{{ name }}.conf'}",
            [f"/etc/nginx/{UNKNOWN}.conf role/files/b"],
        ),
        (
            "copy: {src: '{{ item }}', dest: '/etc/nginx/{{ item }}'}\n  loop: [b, conf.d/c]",
            ["/etc/nginx/b role/files/b", "/etc/nginx/conf.d/c role/files/conf.d/c"],
        ),
        (
            "copy: {src: '{{ item.src }}', dest: '{{ item[\"to\"] }}'}\n  with_items: [{src: b, to: /b}]",
            ["/b role/files/b"],
        ),
        (
            "copy: {src: 'conf.d/{{ x | basename }}', dest: /c}\n  loop: [a/c]\n  loop_control: {loop_var: x}",
            ["/c role/files/conf.d/c"],
        ),
        ("copy: {src: '{{ item }}', dest: /etc/nginx/b}\n  loop: '{{ names }}'", []),
        ("copy: {src: '{{ role_path }}/files/b', dest: /b}", ["/b role/files/b"]),
        ("template: {src: '{{ playbook_dir }}/role/files/b', dest: /b}", ["/b role/files/b"]),
        ("copy: {src: b, dest: '{{ dest }}'}", []),
        ("copy: {src: b, dest: /b, remote_src: yes}", []),
        ("copy: {src: /role/files/b, dest: /b}", []),
        ("copy: {content: text, dest: /b}", []),
        (
            "debug:\n    msg: |\n      {{ y }}\n- copy: {src: '{{ item }}', dest: '/{{ item }}'}\n  loop: [b]",
            ["/b role/files/b"],
        ),
        ("copy: [src, dest]", []),
    ],
)
def test_ansible_tasks(task: str, expected: list[str]) -> None:
    files = tree("role/templates/a.j2 role/files/b role/files/conf.d/c", **{"role/tasks/sub/main.yml": f"- {task}"})

    assert shown(said(files)) == expected


def test_playbooks_have_their_files_beside_them() -> None:
    play = "- hosts: all\n  tasks:\n  - block:\n    - copy:\n        src: b\n        dest: /b\n"

    assert [(one.source, one.line) for one in said(tree("p/files/b", **{"p/play.yml": play}))] == [("/r/p/files/b", 6)]
    assert [one.source for one in said(tree("p/b", **{"p/play.yml": play}))] == ["/r/p/b"]


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ("/a:\n  file.managed:\n    - source: salt://n/files/x", ["/a n/files/x"]),
        ("conf:\n  file.managed:\n    - name: /a\n    - source: [salt://other, salt://n/files/x]", ["/a n/files/x"]),
        ("/a:\n  file.recurse:\n    - source: salt://n/files", ["/a n/files"]),
        ("{% if x %}\n/a:\n  file.managed:\n    - source: salt://{{ tpldir }}/files/x\n{% endif %}", ["/a n/files/x"]),
        ("/a:\n  file.managed:\n    - source: https://example.com/n/files/x", []),
    ],
)
def test_salt_states(states: str, expected: list[str]) -> None:
    assert shown(said(tree("n/files/x", **{"n/init.sls": states}))) == expected


@pytest.mark.parametrize("name", ["Dockerfile", "x.Dockerfile", "c.yml", "c.yaml", "c.yml.j2", "c.yaml.tpl", "x.sls"])
def test_files_that_tell_deployments(name: str) -> None:
    assert may_tell_deployments(name, b"src dest")
    assert not may_tell_deployments(f"{name}.conf", b"src dest") or "ockerfile" in name
    assert not may_tell_deployments(f"a{name}x".replace(".", "_"), b"src dest")


COPY = {"Dockerfile": "FROM nginx\nCOPY web /etc/nginx\nCOPY extra/tls.conf /etc/nginx/snippets/\n"}


@pytest.mark.parametrize(
    ("files", "includer", "argument", "expected"),
    [
        (
            tree("web/nginx.conf extra/tls.conf", **COPY),
            "web/nginx.conf",
            "/etc/nginx/snippets/tls.conf",
            ["extra/tls.conf"],
        ),
        (tree("web/nginx.conf extra/tls.conf", **COPY), "web/nginx.conf", "snippets/tls.conf", ["extra/tls.conf"]),
        (
            tree("web/nginx.conf web/sites/b.conf.j2 web/sites/a.conf", **COPY),
            "web/nginx.conf",
            "/etc/nginx/sites/*.conf",
            ["web/sites/a.conf", "web/sites/b.conf.j2"],
        ),
        (
            tree("web/nginx.conf web/sites/x/a.conf", **COPY),
            "web/nginx.conf",
            "/etc/./nginx//sites/*/a.conf",
            ["web/sites/x/a.conf"],
        ),
        (
            tree("web/nginx.conf web/snippets/a.conf extra/tls.conf", **COPY),
            "web/nginx.conf",
            "snippets/*.conf",
            ["web/snippets/a.conf", "extra/tls.conf"],
        ),
        (
            tree("web/templates/a.conf.template", Dockerfile="COPY web/templates /etc/nginx/templates/"),
            "n.conf",
            "/etc/nginx/conf.d/*.conf",
            ["web/templates/a.conf.template"],
        ),
        (
            tree("t/a.template", Dockerfile="COPY t/a.template /etc/nginx/templates/a.conf.template"),
            "n.conf",
            "/etc/nginx/conf.d/a.conf",
            ["t/a.template"],
        ),
        (
            tree("a/x b/y", Dockerfile="COPY a/x /etc/nginx/x.conf\nCOPY b/y /etc/nginx/x.conf"),
            "n.conf",
            "x.conf",
            ["b/y"],
        ),
        (tree("a/x.conf a/y.txt", Dockerfile="COPY a/*.txt /etc/nginx/"), "b/n.conf", "/etc/nginx/*", ["a/y.txt"]),
        (tree("a/x.conf a/y.txt", Dockerfile="COPY a/x.* /e/"), "b/n.conf", "/e/y.txt", []),
        (
            {**tree("p/templates/x.j2"), "p/tasks/main.yml": "- template: {src: x.j2, dest: '{{ dir }}/conf.d/x'}"},
            "p/templates/nginx.j2",
            "/etc/nginx/conf.d/x",
            ["p/templates/x.j2"],
        ),
        (
            {**tree("p/templates/x.j2"), "p/tasks/main.yml": "- template: {src: x.j2, dest: '{{ dir }}/conf.d/x'}"},
            "p/templates/nginx.j2",
            "/etc/nginx/conf.d/*",
            ["p/templates/x.j2"],
        ),
        (
            {
                **tree("p/templates/x.j2"),
                "p/tasks/main.yml": "- template: {src: x.j2, dest: '/etc/nginx/sites-available/{{ n }}.conf'}",
            },
            "p/templates/nginx.j2",
            "/etc/nginx/sites-enabled/*.conf",
            ["p/templates/x.j2"],
        ),
        (
            {"k.yaml": f"{CONFIG_MAP}---{POD % ('', '')}"},
            "k.yaml",
            "/etc/nginx/t*.conf",
            ["k.yaml#ConfigMap/web.data[tls.conf]"],
        ),
    ],
)
def test_what_deployments_say_is_found(files: Tree, includer: str, argument: str, expected: list[str]) -> None:
    matches = find(files, includer, argument)

    assert [relative(match.path) + (f"#{match.key}" if match.key else "") for match in matches] == expected
    assert {match.reason for match in matches} <= {Reason.DEPLOYED, Reason.NAME}


def test_a_match_says_who_deployed_it() -> None:
    (match,) = find(tree("web/nginx.conf extra/tls.conf", **COPY), "web/nginx.conf", "/etc/nginx/snippets/tls.conf")

    assert match.reason is Reason.DEPLOYED
    assert match.deployment is not None
    assert (match.deployment.path, match.deployment.line) == ("/r/Dockerfile", 3)


def test_of_several_machines_the_one_of_the_including_file_counts() -> None:
    texts = {f"{name}/Dockerfile": "COPY nginx /etc/nginx\nCOPY tls /etc/nginx/tls" for name in "abc"}
    files = {**tree("".join(f"{name}/nginx/nginx.conf {name}/tls/x.conf " for name in "abc")), **texts}

    for name in "abc":
        for argument in ("tls/x.conf", "/etc/nginx/tls/x.conf", "tls/*.conf"):
            (match,) = find(files, f"{name}/nginx/nginx.conf", argument)
            assert relative(match.path) == f"{name}/tls/x.conf"


def test_services_of_one_compose_file_are_machines_of_their_own() -> None:
    services = "".join(
        f"  {name}:\n    volumes: ['./{name}/n:/etc/nginx', './{name}/{name}.d:/etc/nginx/conf.d']\n" for name in "ab"
    )
    files = tree("a/n/nginx.conf a/a.d/a.conf b/n/nginx.conf b/b.d/b.conf", **{"compose.yml": f"services:\n{services}"})

    (match,) = find(files, "b/n/nginx.conf", "/etc/nginx/conf.d/*.conf")

    assert relative(match.path) == "b/b.d/b.conf"
    assert [relative(path) for path in match.alternatives] == ["a/a.d/a.conf"]


def test_the_machine_of_the_including_file_counts_before_a_near_one() -> None:
    text = """
    services:
      a: {volumes: ['./x/nginx.conf:/etc/nginx/nginx.conf', './far/tls.conf:/etc/nginx/s.conf']}
      b: {volumes: ['./x/tls.conf:/etc/nginx/s.conf']}
    """
    files = tree("x/nginx.conf x/tls.conf x/other.conf far/tls.conf", **{"compose.yml": text})

    for includer, expected in (("x/nginx.conf", "far/tls.conf"), ("x/other.conf", "x/tls.conf")):
        assert found(files, includer, "/etc/nginx/s.conf") == [expected]
        assert found(files, includer, "/etc/nginx/s.co*") == [expected]


def test_a_machine_of_the_including_file_may_be_described_anywhere() -> None:
    text = "COPY a/nginx.conf /opt/proxy/\nCOPY b/tls /opt/proxy/snippets/tls.conf"
    files = tree("a/nginx.conf b/tls c/d.conf", **{"deploy/Dockerfile": text})

    for argument in ("/opt/proxy/snippets/*.conf", "/opt/proxy/snippets/tls.conf", "snippets/tls.conf", "snippets/t*"):
        assert found(files, "a/nginx.conf", argument) == ["b/tls"]
    assert found(files, "c/d.conf", "/opt/proxy/snippets/*.conf") == []


def test_what_is_deployed_from_elsewhere_belongs_to_another_machine() -> None:
    files = tree("a/n.conf b/x c/n.conf", **{"d/Dockerfile": "COPY b/x /etc/nginx/n.conf"})

    assert found(files, "a/n.conf", "/etc/nginx/n.conf") == []
    assert found({**files, "e/Dockerfile": "COPY c/n.conf /etc/nginx/n.conf"}, "a/q.conf", "/etc/nginx/n.conf") == [
        "a/n.conf"
    ]


@pytest.mark.parametrize("argument", ["/etc/nginx/conf.d/*.conf", "/etc/nginx/conf.d/x.conf"])
def test_an_unrelated_deployment_yields_to_a_file_at_hand(argument: str) -> None:
    files = tree(
        "app/nginx.conf app/conf.d/x.conf demo/x.conf", **{"demo/Dockerfile": "COPY x.conf /etc/nginx/conf.d/"}
    )

    assert found(files, "app/nginx.conf", argument) == ["app/conf.d/x.conf"]


@pytest.mark.parametrize(
    ("paths", "includer", "argument", "expected"),
    [
        (
            "root/defaults/nginx/proxy.conf.sample",
            "root/defaults/nginx/site-confs/default.conf.sample",
            "/config/nginx/proxy.conf",
            "root/defaults/nginx/proxy.conf.sample",
        ),
        ("n/proxy.conf n/proxy.conf.j2", "n/a.conf", "/etc/n/proxy.conf", "n/proxy.conf"),
        ("a/proxy.conf a/etc/nginx/proxy.conf", "a/x.conf", "/etc/nginx/proxy.conf", "a/etc/nginx/proxy.conf"),
        ("a/nginx/x.conf b/etc/nginx/x.conf", "a/s/n.conf", "/etc/nginx/x.conf", "a/nginx/x.conf"),
        ("a/q/nginx/x.conf b/etc/nginx/x.conf", "a/n.conf", "/etc/nginx/x.conf", "a/q/nginx/x.conf"),
        ("a/nginx/x.conf b/etc/nginx/x.conf", "a/nginx/n.conf", "/etc/nginx/x.conf", "a/nginx/x.conf"),
        ("a/b/n/x.conf a/c/n/x.conf d/n/x.conf", "a/c/e/n.conf", "/n/x.conf", "a/c/n/x.conf"),
        ("a/h5bp/tls/x.conf", "a/sites/n.conf", "h5bp/tls/x.conf", "a/h5bp/tls/x.conf"),
        ("a/conf.d/x.conf", "a/n.conf", f"{UNKNOWN}/conf.d/x.conf", "a/conf.d/x.conf"),
        ("a/conf.d/x.conf", "a/n.conf", "../b/../conf.d/x.conf", "a/conf.d/x.conf"),
        ("m/files/cache.conf", "m/templates/n.erb", "/etc/nginx/cache.conf", "m/files/cache.conf"),
        ("a/x.conf b/x.conf", "a/n.conf", "/etc/nginx/x.conf", "a/x.conf"),
        ("a/x.conf c/x.conf", "a/b/n.conf", "x.conf", "a/x.conf"),
        (
            "n/conf.d/b.conf.tmpl n/conf.d/a.conf n/conf.d/a.conf.j2 n/conf.d/.c.conf n/conf.d/d.txt",
            "n/n.conf",
            "/etc/nginx/conf.d/*.conf",
            "n/conf.d/a.conf n/conf.d/b.conf.tmpl",
        ),
        (
            "n/sites-available/a n/sites-available/b.j2 n/sites-available/README.md",
            "n/n.conf",
            "/etc/nginx/sites-enabled/*",
            "n/sites-available/a n/sites-available/b.j2",
        ),
        ("n/conf.d/a.conf n/conf.d/b.conf", "n/n.conf", "conf.d/[!a].conf", "n/conf.d/b.conf"),
        ("n/conf.d/a.conf n/conf.d/b.conf", "n/n.conf", "conf.d/[^a]?conf", "n/conf.d/b.conf"),
        ("n/conf.d/*.conf n/conf.d/b.conf", "n/n.conf", r"conf.d/\*.conf", "n/conf.d/*.conf"),
        (
            "n/s/x/l/a.conf n/s/y/l/a.conf n/s/y/m/a.conf",
            "n/n.conf",
            "/etc/n/s/*/l/*.conf",
            "n/s/x/l/a.conf n/s/y/l/a.conf",
        ),
        ("a/n/conf.d/x.conf b/n/conf.d/y.conf", "b/n/n.conf", "/etc/nginx/conf.d/*.conf", "b/n/conf.d/y.conf"),
    ],
)
def test_files_are_found_by_how_their_paths_end(paths: str, includer: str, argument: str, expected: str) -> None:
    assert found(tree(f"{paths} {includer}"), includer, argument) == expected.split()


@pytest.mark.parametrize(
    ("paths", "includer", "argument"),
    [
        # What stands elsewhere belongs to another service, to examples or to tests.
        ("a/x.conf b/x.conf", "c/n.conf", "/etc/nginx/x.conf"),
        ("b/x.conf", "c/n.conf", "/etc/nginx/x.conf"),
        ("b/nginx/x.conf", "c/n.conf", "/etc/nginx/x.conf"),
        ("a/nginx/x.conf b/etc/nginx/x.conf", "c/d/n.conf", "/etc/nginx/x.conf"),
        ("a/b/n/x.conf d/n/x.conf", "a/c/e/n.conf", "/n/x.conf"),
        ("a/b/x.conf c/x.conf", "a/n.conf", "/etc/nginx/x.conf"),
        ("examples/x.conf", "n.conf", "/etc/nginx/x.conf"),
        ("w/etc/plugins/x.conf", "w/templates/http.conf", "plugins/*.conf"),
        ("r/a/files/x.conf", "r/b/templates/n.conf", "/etc/nginx/x.conf"),
        ("a/x.conf", "a/x.conf", "/etc/nginx/x.conf"),  # a file does not include itself
        ("a/x.conf.j2", "a/x.conf.j2", "/etc/nginx/x.conf"),
        ("n/conf.d/a.conf", "n/n.conf", "*.conf"),
        ("n/conf.d/a.conf", "n/n.conf", "/*.conf"),
        ("n/a.conf", "n/n.conf", f"{UNKNOWN}/*.conf"),
        ("n/a.conf", "n/n.conf", f"/etc/n/{UNKNOWN}.conf"),
        ("n/a.conf", "n/n.conf", ""),
        ("n/a.conf", "n/n.conf", "/"),
        ("a/n/conf.d/x.conf", "b/n/n.conf", "/etc/nginx/conf.d/*.conf"),  # of another project
        ("r/a/conf.d/x.conf r/b/conf.d/y.conf", "r/c/n.conf", "/etc/nginx/conf.d/*.conf"),
        ("n/http/a.conf", "n/http/b.conf", "/etc/other/http/*.conf"),  # it would include itself
        ("n/conf.d/x.yaml n/conf.d/README.md", "n/n.conf", "conf.d/*"),
        ("n/conf.d/a.conf", "n/n.conf", "conf.d/[z-a].conf"),
        ("n/conf.d/a.conf.bak n/conf.d/a.conf.j2.bak", "n/n.conf", "conf.d/*.conf"),
        ("n/conf.d.j2/a.conf", "n/n.conf", "conf.d/*.conf"),
    ],
)
def test_unrelated_files_are_not_found(paths: str, includer: str, argument: str) -> None:
    assert found(tree(f"{paths} {includer}"), includer, argument) == []


def test_the_name_of_the_directory_around_the_tree_does_not_count() -> None:
    names = ["/nginx/a/x.conf", "/nginx/x.conf", "/nginx/a/b/n.conf"]

    assert [match.path for match in DeployedFiles(names, tuple, "/nginx").find("/etc/nginx/x.conf", names[2])] == [
        "/nginx/a/x.conf"
    ]
    assert [match.path for match in DeployedFiles(names, tuple).find("/etc/nginx/x.conf", names[2])] == [
        "/nginx/x.conf"
    ]


def test_alternatives_are_named_the_best_first() -> None:
    paths = " ".join(f"a/{name}/n/x.conf" for name in "bcdefghijk")

    (match,) = find(tree(f"d/n/x.conf {paths}"), "a/n.conf", "/etc/n/x.conf")

    assert match.reason is Reason.SUFFIX
    assert [relative(path) for path in (match.path, *match.alternatives)] == [f"a/{n}/n/x.conf" for n in "bcdefg"]


def test_deployments_are_read_once_and_only_when_needed() -> None:
    calls = []

    def tell() -> tuple[Deployment, ...]:
        calls.append(1)
        return ()

    files = DeployedFiles(["/r/a/b.conf"], tell, ROOT)
    assert files.find("*.conf", "/r/n.conf") == []
    assert not calls
    files.find("a/b.conf", "/r/n.conf")
    files.find("a/*.conf", "/r/n.conf")
    assert len(calls) == 1


def test_yaml_is_read_to_a_depth_that_people_do_not_reach() -> None:
    for depth, count in ((50, 1), (150, 0)):
        text = "[" * depth + "{copy: {src: b, dest: /b}}" + "]" * depth
        assert len(said(tree("files/b", **{"x.yml": text}))) == count


HOSTILE_YAML = [
    "services: {volumes: [",
    "services: \x00volumes",
    "services: volumes: \udc80 \ud800",
    'services: "\\UFFFFFFFF" # volumes',
    "services: *unknown\nvolumes: *unknown",
    "services: &a\n  volumes: *a\n  <<: *a",
    "services: &a {<<: *a, volumes: *a, configs: *a, build: *a}\nconfigs: *a",
    "? [services]\n: {volumes: 1}\n? {a: b}\n: c",
    "services: [volumes, 1]\nsrc: {copy: dest}\ncopy: [{src: [a], dest: {}}]",
    "services:\n  w: 1\n  v: {volumes: {a: b}, build: [a], configs: [[a]]}",
    "copy: {src: a, dest: b}\nloop: [[a], {a: b}]\naction: ' '\nargs: [src]",
    "kind: ConfigMap\ndata: [a]\n---\nkind: ConfigMap\nmetadata: x\ndata: {a: {b: c}}",
    "configMap: volumeMounts\ncontainers: [[a], {volumeMounts: {a: b}}]\nvolumes: [[a], {configMap: [a]}]",
    "a: {file.managed: [source, [a], {source: [[a]]}]}\nfile.managed: {a: 1}",
    "services: volumes " + "[" * 50_000,
    "services: volumes " + "{a: " * 50_000,
    "services:\n  volumes:\n  " + "- " * 50_000,
    "src: dest\n" + "{{" * 50_000,
    "src: dest\n" + " {{ a }}" * 50_000 + "x",
    "src: dest\ncopy: " + "src=" * 50_000,
    "src: dest\ncopy:\n  src: x\n  dest: '" + "{{ item." * 50_000 + "'",
    "services: &z [volumes]\n" + "".join(f"{c}: &{c} [{', '.join(['*' + chr(ord(c) + 1)] * 9)}]\n" for c in "yxwvutsr"),
    "src: dest\nl: &l [" + "b, " * 5_000 + "]\nt:\n" + "- {copy: {src: '{{ item }}', dest: /x}, loop: *l}\n" * 5_000,
    "services:\n  a: &a\n    volumes: &v ["
    + "'a:b', " * 5_000
    + "]\n"
    + "".join(f"  s{n}: {{volumes: *v, build: .}}\n" for n in range(5_000)),
    "kind: ConfigMap\nmetadata: {name: w}\ndata: &d {"
    + "".join(f"k{n}: v, " for n in range(2_000))
    + "}\n---\n"
    + "configMap: volumeMounts\nm: &m ["
    + "{name: v, mountPath: /, subPath: x}, " * 2_000
    + "]\n"
    + "c: &c [{volumeMounts: *m}]\nv: &v [{name: v, configMap: {name: w}}]\np:\n"
    + "- {containers: *c, volumes: *v}\n" * 2_000,
]

HOSTILE_DOCKERFILES = [
    "COPY " + "[" * 50_000,
    "COPY " + "nginx/a.conf " * 20_000 + "/etc/nginx/",
    "COPY nginx/a.conf /etc/nginx/\n" * 20_000,
    "ENV A=aaaaaaaa\n" + "ENV A=$A$A$A$A\n" * 50 + "COPY " + "$A" * 50_000 + " /x",
    "RUN " + "<<EOF " * 50_000 + "\n" + "EOF\n" * 10,
    "RUN <<EOF\n" * 20_000,
    "COPY \\\n" * 50_000,
    "#\n" * 50_000 + "COPY \ud800\x00 /\udc80",
    "WORKDIR aaaaaaaaa\n" * 20_000 + "COPY nginx/a.conf x",
    "COPY nginx/a.conf " + "${" * 50_000,
    "COPY nginx/a.conf " + "/.." * 50_000,
    "WORKDIR " + "a/" * 2_000 + "\n" + ("COPY nginx/a.conf " + "b/" * 1_000 + "\n") * 500,
]


@pytest.mark.parametrize("text", HOSTILE_YAML, ids=range(len(HOSTILE_YAML)))
def test_hostile_yaml_says_nothing_quickly(text: str) -> None:
    files = {"nginx/a.conf": "", "c.yaml": text}

    assert all(one.source or one.key for one in said(files))
    assert isinstance(found(files, "n.conf", "/etc/nginx/x"), list)


@pytest.mark.parametrize("text", HOSTILE_DOCKERFILES, ids=range(len(HOSTILE_DOCKERFILES)))
def test_hostile_dockerfiles_are_survived(text: str) -> None:
    files = {"nginx/a.conf": "", "Dockerfile": text}

    assert all(one.source in {"/r/nginx/a.conf", "/r"} for one in said(files))
    assert found(files, "n.conf", "/etc/nginx/x") == []


@given(st.text(alphabet="abc/*?[]!^-\\.\U000f0000\0"), st.text(alphabet="COPYab/ \n\\$<[]\"'{}=%"))
def test_no_text_raises(argument: str, text: str) -> None:
    files = {"a/b": "", "a/b.j2": "", "c": "", "Dockerfile": f"COPY {text}", "c.yml": f"src: dest\ncopy: {text}"}

    assert isinstance(found(files, "a/c", argument), list)


def test_patterns_of_many_stars_match_in_no_time() -> None:
    assert found(tree("n/d/" + "a" * 200), "n/n.conf", "d/" + "*a" * 60 + "b") == []


def test_many_deployments_of_unknown_start_are_told_apart_in_no_time() -> None:
    ends = [f"s{n}/a.conf" for n in range(2_000)]
    all_said = tuple(Deployment(end, f"/r/{n}/b.conf", "", "", "/r/p", n, "u") for n, end in enumerate(ends))
    files = DeployedFiles([one.source for one in all_said], lambda: all_said, ROOT)
    start = time.process_time()

    for n, end in enumerate(ends):
        assert [match.path for match in files.find(f"/etc/{end}", "/r/n.conf")] == [f"/r/{n}/b.conf"]

    assert time.process_time() - start < 4


def test_many_files_of_one_name_are_told_apart_in_no_time() -> None:
    names = [f"/r/{n}/nginx/{name}.conf" for n in range(3_000) for name in ("proxy", "nginx")]
    files = DeployedFiles(names, tuple, ROOT)

    for n in range(3_000):
        for argument in ("/etc/nginx/proxy.conf", f"/etc/{n}/nginx/p*.conf", f"/x/{n}/proxy.conf"):
            assert files.find(argument, f"/r/{n}/nginx/nginx.conf")[0].path == f"/r/{n}/nginx/proxy.conf"


def test_however_many_deployments_there_are_each_file_gets_what_belongs_to_it() -> None:
    """Of an application's own Dockerfile, of one around it, of one in it, and of its unit; not of its neighbours."""
    neighbours = [("/etc/nginx", f"/r/{n}/conf", "", "", f"/r/{n}/Dockerfile", 1, f"u{n}") for n in range(1_500)]
    others = [
        ("/etc/nginx", "/r/around", "", "", "/r/Dockerfile", 1, "root"),
        ("/etc/nginx", "/r/in", "", "", "/r/7/docker/in/Dockerfile", 1, "in"),
        ("/etc/nginx", "/r/far/files", "", "", "/r/far/playbook.yml", 1, "u8"),
    ]
    all_said = tuple(Deployment(*one) for one in [*neighbours, *others])
    names = [f"{one.source}/{one.source.rpartition('/')[0][3:]}.conf" for one in all_said]
    files = DeployedFiles(
        [*names, "/r/around/r.conf", "/r/in/in.conf", "/r/far/files/far.conf"], lambda: all_said, "/r"
    )

    def found_by(includer: str, argument: str) -> list[str]:
        return [match.path for match in files.find(argument, includer)]

    for n in (0, 7, 1_499):
        assert found_by(f"/r/{n}/nginx.conf", f"/etc/nginx/{n}.conf") == [f"/r/{n}/conf/{n}.conf"]
        assert found_by(f"/r/{n}/nginx.conf", "/etc/nginx/r.conf") == ["/r/around/r.conf"]
    assert found_by("/r/7/docker/nginx.conf", "/etc/nginx/in.conf") == ["/r/in/in.conf"]
    assert found_by("/r/8/conf/nginx.conf", "/etc/nginx/far.conf") == ["/r/far/files/far.conf"]
    assert found_by("/r/7/nginx.conf", "/etc/nginx/8.conf") == []
