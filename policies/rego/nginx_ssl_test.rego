# Tests of nginx_ssl.rego: `conftest verify --policy policies/rego` or `opa test policies/rego`.
package main_test

import data.main
import rego.v1

place := {"file": "conf.d/app.conf", "line": 7}

# Everything is as it should be.
good := {
	"schema_version": "1.0",
	"file": "conf.d/app.conf",
	"line": 9,
	"end_line": 9,
	"module": "ngx_http_proxy_module",
	"resource": "conf.d/app.conf:server(_:80).location(/).proxy_pass",
	"context": "http.location",
	"root": ".",
	"configuration": "nginx.conf",
	"includes": [{"file": "nginx.conf", "line": 3}],
	"pass_directive": "proxy_pass",
	"ssl_prefix": "proxy_ssl",
	"target": "https://app.example.com",
	"transport": "tls",
	"serves_requests": true,
	"loads_bundle": true,
	"loopback": false,
	"verified": true,
	"proxy_pass": "https://app.example.com",
	"proxy_ssl_trusted_certificate": "/etc/nginx/ca.pem",
	"proxy_ssl_verify": "on",
	"targets": [{"transport": "tls", "host": "app.example.com", "depends_on": [], "kind": "name"}],
	"name_directive": "proxy_pass",
	"names": [{"name": "app.example.com", "depends_on": [], "kind": "name"}],
	"name_varies_with_target": false,
	"if_sets_variables": false,
	"groups": [],
	"sessions": [],
	"verification_elsewhere": [],
	"undecided": {},
	"missing_includes": [],
	"skips": [],
	"origins": {
		"proxy_pass": {"file": "conf.d/app.conf", "line": 9},
		"proxy_ssl_name": {"file": "conf.d/app.conf", "line": 8},
		"proxy_ssl_trusted_certificate": place,
		"proxy_ssl_verify": place,
		"proxy_ssl_verify_depth": {"file": "conf.d/app.conf", "line": 6},
	},
}

but(changes) := object.union(good, changes)

without(keys, changes) := object.union(object.remove(good, keys), changes)

# A directive that turns verification off in a fragment.
lone := object.union(object.remove(good, ["proxy_pass", "proxy_ssl_trusted_certificate"]), {
	"pass_directive": null,
	"target": null,
	"transport": null,
	"loads_bundle": false,
	"verified": false,
	"proxy_ssl_verify": "off",
	"targets": [],
	"name_directive": null,
	"names": [],
	"origins": {"proxy_ssl_verify": place},
})

skip(number, directive, line) := {
	"id": concat("", ["CKV_NGINX_CUSTOM_", number]),
	"reason": "throw-away hosts",
	"file": "conf.d/app.conf",
	"line": 5,
	"covers": [{"directive": directive, "file": "conf.d/app.conf", "line": line}],
}

denied(document) := places if {
	findings := main.deny with input as document
	places := {[finding.id, finding.line] | some finding in findings}
}

warned(document) := places if {
	findings := main.warn with input as document
	places := {[finding.id, finding.line] | some finding in findings}
}

test_verified_connection_passes if {
	denied(good) == set()
	warned(good) == set()
}

# 01

test_off_is_denied_where_it_stands if {
	denied(but({"proxy_ssl_verify": "off"})) == {["CKV_NGINX_CUSTOM_01", 7]}
	warned(but({"proxy_ssl_verify": "off"})) == set()
}

test_off_of_a_fragment_is_denied if denied(lone) == {["CKV_NGINX_CUSTOM_01", 7]}

test_off_of_a_loopback_target_is_denied if {
	denied(but({"proxy_ssl_verify": "off", "loopback": true})) == {["CKV_NGINX_CUSTOM_01", 7]}
}

test_off_for_plain_text_passes if denied(but({"proxy_ssl_verify": "off", "transport": "plaintext"})) == set()

test_off_that_a_template_decides_is_a_warning if {
	document := but({"proxy_ssl_verify": null, "undecided": {"proxy_ssl_verify": ["{{ verify }}"]}})
	denied(document) == set()
	warned(document) == {["CKV_NGINX_CUSTOM_01", 9]}
}

test_off_of_a_connection_that_may_be_plain_text_is_a_warning if {
	document := but({"proxy_ssl_verify": "off", "transport": null})
	denied(document) == set()
	warned(document) == {["CKV_NGINX_CUSTOM_01", 9]}
}

test_off_of_a_fragment_that_a_template_decides_is_a_warning if {
	document := object.union(lone, {"proxy_ssl_verify": null, "undecided": {"proxy_ssl_verify": ["off", null]}})
	denied(document) == set()
	warned(document) == {["CKV_NGINX_CUSTOM_01", 7]}
}

# 02

test_on_without_bundle_is_denied if {
	denied(without(["proxy_ssl_trusted_certificate"], {})) == {["CKV_NGINX_CUSTOM_02", 7]}
}

test_on_without_bundle_names_the_empty_value_that_hides_one if {
	some finding in main.deny with input as without(["proxy_ssl_trusted_certificate"], {})
	contains(finding.msg, "The empty value at conf.d/app.conf:7 hides any outer one.")
	nobody := without(["proxy_ssl_trusted_certificate", "origins"], {"origins": {"proxy_ssl_verify": place}})
	some other_finding in main.deny with input as nobody
	not contains(other_finding.msg, "hides")
}

test_on_without_bundle_is_denied_for_a_variable_in_a_plain_target if {
	document := without(["proxy_ssl_trusted_certificate"], {"transport": "plaintext", "target": "http://$app"})
	denied(document) == {["CKV_NGINX_CUSTOM_02", 7]}
}

test_on_without_bundle_passes_where_nginx_loads_none if {
	document := without(["proxy_ssl_trusted_certificate"], {"transport": "plaintext", "loads_bundle": false})
	denied(document) == set()
}

test_bundle_in_an_include_that_is_not_in_sight_is_a_warning if {
	document := but({
		"proxy_ssl_trusted_certificate": null,
		"undecided": {"proxy_ssl_trusted_certificate": [null]},
		"missing_includes": ["tls.conf"],
	})
	denied(document) == set()
	warned(document) == {["CKV_NGINX_CUSTOM_02", 9]}
}

test_bundle_that_a_template_names_passes if {
	document := but({
		"proxy_ssl_trusted_certificate": null,
		"undecided": {"proxy_ssl_trusted_certificate": ["{{ ca }}"]},
	})
	denied(document) == set()
	warned(document) == set()
}

# 03

test_never_set_is_denied_at_the_pass if {
	denied(without(["proxy_ssl_verify"], {})) == {["CKV_NGINX_CUSTOM_03", 9]}
}

test_never_set_passes_on_loopback if denied(without(["proxy_ssl_verify"], {"loopback": true})) == set()

test_never_set_passes_for_a_pass_that_serves_nothing if {
	denied(without(["proxy_ssl_verify"], {"serves_requests": false})) == set()
}

test_never_set_is_a_warning_where_tls_is_not_certain if {
	document := without(["proxy_ssl_verify"], {"transport": null})
	denied(document) == set()
	warned(document) == {["CKV_NGINX_CUSTOM_03", 9]}
}

test_never_set_names_missing_includes if {
	document := without(["proxy_ssl_verify"], {"missing_includes": ["tls.conf"]})
	some finding in main.deny with input as document
	contains(finding.msg, "not looked at: tls.conf.")
}

# 04

elsewhere(used) := {"directive": "grpc_ssl_verify", "file": "nginx.conf", "line": 2, "used": used}

test_on_of_another_module_is_denied_instead_of_03 if {
	document := without(["proxy_ssl_verify"], {"verification_elsewhere": [elsewhere(false)]})
	denied(document) == {["CKV_NGINX_CUSTOM_04", 2]}
}

test_on_of_another_module_that_others_use_is_03 if {
	document := without(["proxy_ssl_verify"], {"verification_elsewhere": [elsewhere(true)]})
	denied(document) == {["CKV_NGINX_CUSTOM_03", 9]}
}

test_on_of_a_stream_without_tls_is_denied if {
	document := but({
		"module": "ngx_stream_proxy_module",
		"transport": "plaintext",
		"loads_bundle": false,
		"verification_elsewhere": [{"directive": "proxy_ssl_verify", "file": "nginx.conf", "line": 2, "used": false}],
	})
	denied(document) == {["CKV_NGINX_CUSTOM_04", 2]}
}

# 05

commands(name) := {"proxy_ssl_conf_command": [
	{"name": "CipherString", "value": "DEFAULT", "file": "nginx.conf", "line": 3},
	{"name": name, "value": "/etc/nginx/other.pem", "file": "nginx.conf", "line": 4},
]}

test_other_store_is_denied if {
	every name in ["VerifyCAFile", "verifycapath", "VerifyCAStore"] {
		denied(but(commands(name))) == {["CKV_NGINX_CUSTOM_05", 4]}
	}
}

test_verify_mode_passes if denied(but(commands("VerifyMode"))) == set()

test_command_that_a_template_names_is_a_warning if {
	denied(but(commands(null))) == set()
	warned(but(commands(null))) == {["CKV_NGINX_CUSTOM_05", 9]}
}

lists(some_lists) := but({
	"proxy_ssl_conf_command": null,
	"undecided": {"proxy_ssl_conf_command": some_lists},
})

replacing(line) := {"name": "VerifyCAFile", "value": "/etc/nginx/other.pem", "file": "nginx.conf", "line": line}

test_other_store_in_every_arm_of_a_template_is_denied if {
	denied(lists([[replacing(3)], [replacing(5)]])) == {["CKV_NGINX_CUSTOM_05", 3], ["CKV_NGINX_CUSTOM_05", 5]}
	warned(lists([[replacing(3)], [replacing(5)]])) == set()
}

test_commands_in_too_many_arms_are_a_warning if warned(lists([null])) == {["CKV_NGINX_CUSTOM_05", 9]}

test_other_store_in_some_arm_of_a_template_is_a_warning if {
	every others in [[], null, [object.union(replacing(5), {"name": null})]] {
		denied(lists([[replacing(3)], others])) == set()
		warned(lists([[replacing(3)], others])) == {["CKV_NGINX_CUSTOM_05", 9]}
	}
}

test_other_store_is_a_warning_where_tls_is_not_certain if {
	document := object.union(but(commands("VerifyCAFile")), {"transport": null})
	denied(document) == set()
	warned(document) == {["CKV_NGINX_CUSTOM_05", 9]}
}

# 06

named(name, depends_on) := {
	"name_directive": "proxy_ssl_name",
	"proxy_ssl_name": "$name",
	"names": [{"name": name, "depends_on": depends_on, "kind": null}],
}

test_name_of_the_client_is_denied if {
	denied(but(named("<client>.example.com", ["client"]))) == {["CKV_NGINX_CUSTOM_06", 8]}
}

test_name_with_a_leading_dot_is_denied if denied(but(named(".example.com", []))) == {["CKV_NGINX_CUSTOM_06", 8]}

test_name_that_is_not_known_is_a_warning if {
	document := but(named("<unknown>", ["unknown"]))
	denied(document) == set()
	warned(document) == {["CKV_NGINX_CUSTOM_06", 9]}
}

test_name_of_the_client_is_a_warning_where_tls_is_not_certain if {
	document := object.union(but(named("<client>", ["client"])), {"transport": null})
	denied(document) == set()
	warned(document) == {["CKV_NGINX_CUSTOM_06", 9]}
}

test_name_of_whoever_deploys_passes if {
	document := but(named("<deployment>", ["deployment"]))
	denied(document) == set()
	warned(document) == set()
}

# 07

own := {
	"module": "ngx_http_proxy_module",
	"verifies": true,
	"trusted_certificate": "/etc/nginx/ca.pem",
	"names": ["app"],
	"name_varies_with_target": false,
	"own": true,
}

other(changes) := object.union(object.union(own, {"own": false}), changes)

shared(keepalive, users) := but({
	"groups": [{"name": "app", "members": ["app:443"], "keepalive": keepalive, "certain": true, "users": users}],
	"names": [{"name": "app", "depends_on": [], "kind": "name"}],
})

pool(connections, local) := {"connections": connections, "local": local, "file": "nginx.conf", "line": 5}

test_shared_pool_is_denied_where_keepalive_stands if {
	unverified := other({"verifies": false, "trusted_certificate": "", "names": []})
	every one in [unverified, other({"names": ["b"]}), other({"trusted_certificate": "/b.pem"})] {
		denied(shared(pool("8", false), [own, one])) == {["CKV_NGINX_CUSTOM_07", 5]}
	}
}

test_pool_passes if {
	one := other({"names": ["b"]})
	denied(shared(pool("8", true), [own, one])) == set()
	denied(shared(pool("0", false), [own, one])) == set()
	denied(shared(null, [own, one])) == set()
	denied(shared(pool("8", false), [own])) == set()
}

test_pool_of_others_passes if {
	users := [
		object.union(own, {"own": false}),
		other({"names": ["b"]}),
		object.union(own, {"module": "ngx_stream_proxy_module", "verifies": false}),
	]
	denied(shared(pool("8", false), users)) == set()
}

test_grpc_uses_only_what_grpc_keeps if {
	grpc := object.union(own, {"module": "ngx_http_grpc_module"})
	denied(shared(pool("8", false), [grpc, other({"names": ["b"]})])) == {["CKV_NGINX_CUSTOM_07", 5]}
	uwsgi := object.union(own, {"module": "ngx_http_uwsgi_module"})
	denied(shared(pool("8", false), [uwsgi, other({"module": "ngx_http_uwsgi_module", "names": ["b"]})])) == set()
}

test_shared_pool_is_a_warning_where_names_go_with_targets if {
	document := shared(pool("8", false), [own, other({"names": ["b"], "name_varies_with_target": true})])
	denied(document) == set()
	warned(document) == {["CKV_NGINX_CUSTOM_07", 9]}
}

test_resumed_sessions_of_another_bundle_are_denied if {
	session := {"peer": "app:443", "trusted_certificate": "/b.pem", "first_trusted_certificate": "/a.pem"}
	denied(but({"sessions": [session]})) == {["CKV_NGINX_CUSTOM_07", 9]}
	denied(but({"sessions": [object.union(session, {"trusted_certificate": "/a.pem"})]})) == set()
}

changing := object.union(shared(null, [own]), {
	"name_directive": "proxy_ssl_name",
	"proxy_ssl_name": "$name",
	"names": [
		{"name": "a.example.com", "depends_on": [], "kind": "name"},
		{"name": "b.example.com", "depends_on": [], "kind": "name"},
	],
})

test_changing_name_of_a_group_is_denied if denied(changing) == {["CKV_NGINX_CUSTOM_07", 8]}

test_changing_name_of_a_group_without_pool_passes if {
	document := object.union(changing, {"groups": shared(pool("0", false), [own]).groups})
	denied(document) == set()
	warned(document) == set()
}

test_changing_name_is_a_warning_where_it_may_not_share if {
	every change in [{"transport": null}, {"name_varies_with_target": true}, {"if_sets_variables": true}] {
		document := object.union(changing, change)
		denied(document) == set()
		warned(document) == {["CKV_NGINX_CUSTOM_07", 9]}
	}
}

test_changing_name_is_denied_where_an_if_shares_the_pool if {
	document := object.union(changing, {
		"groups": shared(pool("8", false), [own]).groups,
		"if_sets_variables": true,
	})
	denied(document) == {["CKV_NGINX_CUSTOM_07", 8]}
}

# 08

test_names_that_no_certificate_has_are_denied if {
	every name in [["192.0.2.1", "address"], ["unix:/run/app.sock", "unix"], ["", "empty"], ["app.", "name"]] {
		document := but({"names": [{"name": name[0], "depends_on": [], "kind": name[1]}]})
		denied(document) == {["CKV_NGINX_CUSTOM_08", 9]}
	}
}

test_name_of_a_group_is_denied_unless_a_member_has_it if {
	group := {"name": "app", "members": ["192.0.2.1:443"], "keepalive": null, "certain": true, "users": [own]}
	document := but({"names": [{"name": "App", "depends_on": [], "kind": "name"}], "groups": [group]})
	denied(document) == {["CKV_NGINX_CUSTOM_08", 9]}
	with_member := object.union(document, {"groups": [object.union(group, {"members": ["192.0.2.1", "APP:443"]})]})
	denied(with_member) == set()
	by_name := object.union(document, {"name_directive": "proxy_ssl_name"})
	denied(by_name) == set()
}

test_depth_nought_is_denied_with_an_intermediate if {
	document := but({"proxy_ssl_verify_depth": "0", "bundle_has_intermediate": true})
	denied(document) == {["CKV_NGINX_CUSTOM_08", 6]}
	denied(object.union(document, {"bundle_has_intermediate": false})) == set()
	denied(object.union(document, {"bundle_has_intermediate": null})) == set()
}

# Comments that skip a rule

test_skip_of_the_cause_or_of_the_pass_is_honoured if {
	every one in [skip("01", "proxy_ssl_verify", 7), skip("01", "proxy_pass", 9)] {
		denied(but({"proxy_ssl_verify": "off", "skips": [one]})) == set()
	}
	denied(object.union(lone, {"skips": [skip("01", "proxy_ssl_verify", 7)]})) == set()
}

test_skip_of_anything_else_is_not if {
	every one in [skip("02", "proxy_pass", 9), skip("01", "proxy_ssl_verify", 8), skip("01", "proxy_ssl_name", 7)] {
		denied(but({"proxy_ssl_verify": "off", "skips": [one]})) == {["CKV_NGINX_CUSTOM_01", 7]}
	}
}

test_skip_of_what_is_not_decided_is_honoured if {
	document := but({"proxy_ssl_verify": null, "skips": [skip("01", "proxy_ssl_verify", 7)]})
	warned(document) == set()
}

# Inputs

test_array_of_documents if denied([good, but({"proxy_ssl_verify": "off"})]) == {["CKV_NGINX_CUSTOM_01", 7]}

test_combined_files if {
	off := but({"proxy_ssl_verify": "off"})
	denied([{"path": "a.yaml", "contents": off}]) == {["CKV_NGINX_CUSTOM_01", 7]}
	denied([{"path": "a.json", "contents": [good, off]}]) == {["CKV_NGINX_CUSTOM_01", 7]}
}

test_message_and_location_name_the_file_and_line if {
	some finding in main.deny with input as but({"proxy_ssl_verify": "off", "root": "deploy/nginx"})
	startswith(finding.msg, "deploy/nginx/conf.d/app.conf:7: CKV_NGINX_CUSTOM_01: proxy_ssl_verify is off for https://app")
	finding._loc == {"file": "deploy/nginx/conf.d/app.conf", "line": 7}
	finding.file == "conf.d/app.conf"
}

test_nothing_passes if {
	count(main.deny) == 0 with input as null
	count(main.deny) == 0 with input as []
}

test_nginx_conf_as_conftest_reads_it_is_denied if {
	count(main.deny) == 1 with input as {"directives": [{"name": "http", "block": {"directives": []}}]}
}

test_documents_of_another_version_are_denied if {
	count(main.deny) == 1 with input as but({"schema_version": "2.0"})
}
