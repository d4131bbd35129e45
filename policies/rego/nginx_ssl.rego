# Judges the TLS connections of nginx to its upstreams, as `checkov-nginx-tls export` describes them: the rules
# CKV_NGINX_CUSTOM_01 to 08. `checkov-nginx-tls export --schema` says what the fields mean, and
# `checkov-nginx-tls explain` what the rules do.
#
# The input is one document of the export, all of them in an array, or what `conftest test --combine` makes of files.
# The package is the one that Conftest looks at unless it is told otherwise. Texts are joined by concat because not
# every engine's sprintf keeps texts that come from functions.
package main

import rego.v1

deny contains tls_finding(connection, "01", cause, text) if {
	some connection in tls_connections
	connection.serves_requests
	tls_is_certain(connection)
	tls_setting(connection, "verify") == "off"
	cause := tls_cause(connection, tls_directive(connection, "verify"))
	not tls_skipped(connection, "01", cause)
	text := concat("", [
		cause.directive,
		" is off",
		tls_for(connection),
		": nginx talks to whoever answers. ",
		tls_remedy(connection),
		tls_not_seen(connection),
	])
}

deny contains tls_finding(connection, "02", cause, text) if {
	some connection in tls_connections
	connection.loads_bundle
	tls_setting(connection, "verify") == "on"
	bundle := tls_directive(connection, "trusted_certificate")
	not connection[bundle]
	cause := tls_cause(connection, tls_directive(connection, "verify"))
	not tls_skipped(connection, "02", cause)
	text := concat("", [
		cause.directive,
		" is on",
		tls_for(connection),
		" and no ",
		bundle,
		" is in effect: nginx does not start. Add it, with the CA certificate that signs the upstream's.",
		tls_hiding(connection, bundle),
	])
}

deny contains tls_finding(connection, "03", cause, text) if {
	some connection in tls_connections
	tls_is_unset(connection)
	connection.transport == "tls"
	cause := tls_cause(connection, connection.pass_directive)
	not tls_skipped(connection, "03", cause)
	text := concat("", [
		"nobody sets ",
		tls_directive(connection, "verify"),
		" for ",
		connection.target,
		", and nginx's default is off: it talks to whoever answers. ",
		tls_remedy(connection),
		tls_not_seen(connection),
	])
}

deny contains tls_finding(connection, "04", cause, text) if {
	some connection in tls_connections
	cause := tls_idle(connection)
	not tls_skipped(connection, "04", cause)
	text := concat("", [cause.directive, " is on and does nothing", tls_for(connection), tls_what_counts(connection)])
}

deny contains tls_finding(connection, "05", cause, text) if {
	some connection in tls_connections
	connection.transport == "tls"
	tls_store_is_replaced(connection)
	some commands in tls_commands(connection)
	command := tls_store_command(commands)
	cause := tls_command_cause(connection, command)
	not tls_skipped(connection, "05", cause)
	text := concat("", [
		command.name,
		" replaces the certificates of ",
		tls_directive(connection, "trusted_certificate"),
		tls_for(connection),
		". Remove it, and name the bundle in the latter only.",
	])
}

deny contains tls_finding(connection, "06", cause, text) if {
	some connection in tls_connections
	connection.transport == "tls"
	tls_name_is_chosen(connection)
	cause := tls_cause(connection, connection.name_directive)
	not tls_skipped(connection, "06", cause)
	text := concat("", [
		tls_who_chooses(connection),
		tls_for(connection),
		". Set ",
		tls_directive(connection, "name"),
		" to the upstream's whole name, or take it from a map whose results are all constants.",
	])
}

deny contains tls_finding(connection, "07", cause, text) if {
	some connection in tls_connections
	some group in connection.groups
	tls_surely_shares_pool(group)
	cause := tls_keepalive_cause(group)
	not tls_skipped(connection, "07", cause)
	text := concat("", [
		"kept connections are shared by traffic that is verified differently",
		tls_for(connection),
		". Write \"local\" behind the number (nginx 1.29.7), give each its own upstream group, or verify them alike.",
	])
}

deny contains tls_finding(connection, "07", cause, text) if {
	some connection in tls_connections
	tls_shares_sessions(connection)
	cause := tls_cause(connection, connection.pass_directive)
	not tls_skipped(connection, "07", cause)
	text := concat("", [
		connection.target,
		" is verified with different bundles here and elsewhere, and a TLS session that one location opened is ",
		"resumed by the other. Set ",
		tls_directive(connection, "session_reuse"),
		" to off in both, or use one bundle.",
	])
}

deny contains tls_finding(connection, "07", cause, text) if {
	some connection in tls_connections
	tls_changes_name(connection)
	tls_surely_changes_name(connection)
	cause := tls_cause(connection, connection.name_directive)
	not tls_skipped(connection, "07", cause)
	text := concat("", [
		cause.directive,
		" has several values",
		tls_for(connection),
		", and a connection that is kept is not verified again: a request gets one that was verified for another ",
		"name. Give each name its own upstream group, or write \"keepalive 0\" (nginx 1.29.7) into this one.",
	])
}

deny contains tls_finding(connection, "08", cause, text) if {
	some connection in tls_connections
	tls_no_name_matches(connection)
	cause := tls_cause(connection, connection.name_directive)
	not tls_skipped(connection, "08", cause)
	text := concat("", [
		"no certificate matches the name \"",
		connection.names[0].name,
		"\" that nginx looks for",
		tls_for(connection),
		": every request ends in 502. Set ",
		tls_directive(connection, "name"),
		" to a DNS name in the upstream's certificate.",
	])
}

deny contains tls_finding(connection, "08", cause, text) if {
	some connection in tls_connections
	tls_is_verified(connection)
	connection.transport == "tls"
	not tls_no_name_matches(connection)
	trim_left(tls_setting(connection, "verify_depth"), "0") == ""
	connection.bundle_has_intermediate == true
	cause := tls_cause(connection, tls_directive(connection, "verify_depth"))
	not tls_skipped(connection, "08", cause)
	text := concat("", [
		cause.directive,
		" 0 allows no intermediate CA, and the bundle holds one",
		tls_for(connection),
		". Set it to the number of intermediates between root and upstream; 2 is a good choice.",
	])
}

# What cannot be decided is said, at the pass directive, and fails nothing unless with `conftest test --fail-on-warn`.

warn contains tls_doubt(connection, "01", cause, text) if {
	some connection in tls_connections
	connection.serves_requests
	connection.transport != "plaintext"
	tls_may_be_off(connection)
	cause := tls_cause(connection, tls_directive(connection, "verify"))
	not tls_skipped(connection, "01", cause)
	text := concat("", ["whether ", cause.directive, " is off", tls_for(connection), tls_depends])
}

warn contains tls_doubt(connection, "02", cause, text) if {
	some connection in tls_connections
	connection.loads_bundle
	tls_setting(connection, "verify") == "on"
	bundle := tls_directive(connection, "trusted_certificate")
	connection[bundle] == null
	null in connection.undecided[bundle]
	cause := tls_cause(connection, tls_directive(connection, "verify"))
	not tls_skipped(connection, "02", cause)
	text := concat("", ["whether ", bundle, " is set", tls_for(connection), tls_depends, ".", tls_not_seen(connection)])
}

warn contains tls_doubt(connection, "03", cause, text) if {
	some connection in tls_connections
	tls_is_unset(connection)
	connection.transport == null
	cause := tls_cause(connection, connection.pass_directive)
	not tls_skipped(connection, "03", cause)
	text := concat("", ["whether nginx speaks TLS, which nobody verifies,", tls_for(connection), tls_depends])
}

warn contains tls_doubt(connection, "05", cause, text) if {
	some connection in tls_connections
	tls_store_may_be_replaced(connection)
	cause := tls_cause(connection, connection.pass_directive)
	not tls_skipped(connection, "05", cause)
	directive := tls_directive(connection, "conf_command")
	text := concat("", ["whether ", directive, " replaces certificates", tls_for(connection), tls_depends])
}

warn contains tls_doubt(connection, "06", cause, text) if {
	some connection in tls_connections
	tls_name_may_be_chosen(connection)
	cause := tls_cause(connection, connection.name_directive)
	not tls_skipped(connection, "06", cause)
	text := concat("", ["which name is verified", tls_for(connection), tls_depends])
}

warn contains tls_doubt(connection, "07", cause, text) if {
	some connection in tls_connections
	some group in connection.groups
	tls_shares_pool(group, group.users)
	not tls_surely_shares_pool(group)
	cause := tls_keepalive_cause(group)
	not tls_skipped(connection, "07", cause)
	text := concat("", [
		"whether kept connections are shared by traffic that is verified differently",
		tls_for(connection),
		tls_depends,
	])
}

warn contains tls_doubt(connection, "07", cause, text) if {
	some connection in tls_connections
	tls_changes_name(connection)
	not tls_surely_changes_name(connection)
	cause := tls_cause(connection, connection.name_directive)
	not tls_skipped(connection, "07", cause)
	text := concat("", [
		"whether requests with another ",
		cause.directive,
		" share kept connections",
		tls_for(connection),
		tls_depends,
	])
}

# An input that does not come from the export must not look like a clean one.

deny contains finding if {
	some document in tls_connections
	is_array(document.directives)
	not document.schema_version
	finding := {"msg": concat("", [
		"this is what Conftest reads in nginx.conf by itself, without includes, inheritance and variables: ",
		"test the output of \"checkov-nginx-tls export --format yaml\" instead",
	])}
}

deny contains finding if {
	some document in tls_connections
	not startswith(document.schema_version, "1.")
	finding := {"msg": concat("", [
		"this policy is for documents of schema version 1, and they have version ",
		document.schema_version,
		": take the policy from the release of checkov-nginx-tls that exports them (checkov-nginx-tls policies-dir)",
	])}
}

# The documents in the input.

tls_connections := [input] if is_object(input)

tls_connections := [document | some item in input; some document in tls_documents(item)] if is_array(input)

tls_documents(item) := [item] if not item.contents

tls_documents(item) := [item.contents] if is_object(item.contents)

tls_documents(item) := item.contents if is_array(item.contents)

# What nginx's directives say about a connection: a text, null where it is not known, undefined where nobody set it.

tls_directive(connection, setting) := concat("_", [connection.ssl_prefix, setting])

tls_setting(connection, setting) := connection[tls_directive(connection, setting)]

tls_is_set(connection, setting) if tls_directive(connection, setting) in object.keys(connection)

# Whether it is certain that nginx speaks TLS. Without a target, it is those clients that always do, or connections
# that are not in sight.
tls_is_certain(connection) if connection.transport == "tls"

tls_is_certain(connection) if connection.target == null

tls_is_verified(connection) if {
	connection.serves_requests
	connection.transport != "plaintext"
	tls_setting(connection, "verify") == "on"
}

# 01

tls_may_be_off(connection) if tls_setting(connection, "verify") == null

tls_may_be_off(connection) if {
	tls_setting(connection, "verify") == "off"
	not tls_is_certain(connection)
}

# 03. What stays on the machine passes, and 04 speaks where somebody meant to verify.

tls_is_unset(connection) if {
	connection.serves_requests
	connection.target != null
	connection.transport != "plaintext"
	not connection.loopback
	not tls_is_set(connection, "verify")
	not tls_idle(connection)
}

# 04

tls_idle(connection) := cause if {
	idle := [one | some one in connection.verification_elsewhere; not one.used]
	last := idle[count(idle) - 1]
	cause := {"directive": last.directive, "file": last.file, "line": last.line}
}

tls_what_counts(connection) := text if {
	connection.transport == "plaintext"
	text := ", which is plain text. Turn TLS on there, or remove its settings."
}

tls_what_counts(connection) := text if {
	connection.transport != "plaintext"
	text := concat("", [
		": ",
		connection.pass_directive,
		" takes ",
		tls_directive(connection, "verify"),
		" and ",
		tls_directive(connection, "trusted_certificate"),
		". Set those.",
	])
}

# 05. An empty name is refused every time, whatever the store. Where a template decides, each of the lists that it may
# make has to replace the store.

tls_store_commands := {"verifycafile", "verifycapath", "verifycastore"}

tls_commands(connection) := [tls_setting(connection, "conf_command")] if {
	is_array(tls_setting(connection, "conf_command"))
}

tls_commands(connection) := connection.undecided[tls_directive(connection, "conf_command")] if {
	tls_setting(connection, "conf_command") == null
}

tls_store_command(commands) := replacing[0] if {
	replacing := [command | some command in commands; lower(command.name) in tls_store_commands]
}

tls_looks_at_store(connection) if {
	tls_is_verified(connection)
	[name.name | some name in connection.names] != [""]
}

tls_store_is_replaced(connection) if {
	tls_looks_at_store(connection)
	every commands in tls_commands(connection) {
		tls_store_command(commands)
	}
}

tls_store_may_be_replaced(connection) if {
	tls_looks_at_store(connection)
	tls_is_open_to_doubt(connection)
	some commands in tls_commands(connection)
	tls_may_replace_store(commands)
}

tls_is_open_to_doubt(connection) if connection.transport == null

tls_is_open_to_doubt(connection) if not tls_store_is_replaced(connection)

tls_may_replace_store(commands) if commands == null

tls_may_replace_store(commands) if tls_store_command(commands)

tls_may_replace_store(commands) if {
	some command in commands
	command.name == null
}

tls_command_cause(connection, command) := {
	"directive": tls_directive(connection, "conf_command"),
	"file": command.file,
	"line": command.line,
}

# 06

tls_name_is_chosen(connection) if {
	tls_is_verified(connection)
	some name in connection.names
	tls_is_open(name)
}

tls_is_open(name) if "client" in name.depends_on

tls_is_open(name) if startswith(name.name, ".")

tls_name_may_be_chosen(connection) if {
	tls_name_is_chosen(connection)
	connection.transport == null
}

tls_name_may_be_chosen(connection) if {
	tls_is_verified(connection)
	not tls_name_is_chosen(connection)
	some name in connection.names
	"unknown" in name.depends_on
}

tls_who_chooses(connection) := "a name that begins with a dot accepts every subdomain" if {
	some name in connection.names
	startswith(name.name, ".")
} else := "the client chooses the name that is verified"

# 07. Only http proxy and grpc leave connections in a group's pool, and grpc can only use what grpc left.

tls_keeping_modules := {"ngx_http_proxy_module", "ngx_http_grpc_module"}

tls_can_use(user, keeper) if {
	keeper.module in tls_keeping_modules
	user.module != "ngx_http_grpc_module"
}

tls_can_use(user, keeper) if {
	keeper.module == "ngx_http_grpc_module"
	user.module == "ngx_http_grpc_module"
}

tls_differs(one, other) if one.verifies != other.verifies

tls_differs(one, other) if one.trusted_certificate != other.trusted_certificate

tls_differs(one, other) if one.names != other.names

# Since nginx 1.29.7 a group without keepalive has "keepalive 32 local".
tls_keeps(group) if group.keepalive == null

tls_keeps(group) if trim_left(group.keepalive.connections, "0") != ""

tls_has_one_pool(group) if {
	group.keepalive != null
	tls_keeps(group)
	not group.keepalive.local
}

tls_surely_shares_pool(group) if {
	group.certain
	tls_shares_pool(group, tls_steady(group.users))
}

tls_steady(users) := [user | some user in users; not user.name_varies_with_target]

tls_shares_pool(group, users) if {
	tls_has_one_pool(group)
	some user in users
	user.verifies
	some keeper in users
	tls_can_use(user, keeper)
	tls_differs(user, keeper)
	tls_own_is_among([user, keeper])
}

tls_own_is_among(users) if {
	some user in users
	user.own
}

tls_keepalive_cause(group) := {
	"directive": "keepalive",
	"file": group.keepalive.file,
	"line": group.keepalive.line,
}

tls_shares_sessions(connection) if {
	some session in connection.sessions
	session.trusted_certificate != session.first_trusted_certificate
}

tls_changes_name(connection) if {
	tls_is_verified(connection)
	connection.module in tls_keeping_modules
	connection.name_directive != connection.pass_directive
	every name in connection.names {
		name.kind != null
	}
	count({lower(name.name) | some name in connection.names}) > 1
	some group in connection.groups
	tls_keeps(group)
}

tls_surely_changes_name(connection) if {
	connection.transport == "tls"
	not connection.name_varies_with_target
	tls_changes_in_one_pool(connection)
	some group in connection.groups
	tls_keeps(group)
	group.certain
}

# An if that sets the name has a local pool of its own, being a location to nginx.
tls_changes_in_one_pool(connection) if not connection.if_sets_variables

tls_changes_in_one_pool(connection) if {
	some group in connection.groups
	tls_has_one_pool(group)
}

# 08. zone_sync takes the addresses of its servers for names in a way of its own.

tls_no_name_matches(connection) if {
	tls_is_verified(connection)
	connection.transport == "tls"
	connection.module != "ngx_stream_zone_sync_module"
	count(connection.names) > 0
	every name in connection.names {
		tls_matches_nothing(connection, name)
	}
}

tls_matches_nothing(_, name) if name.kind in {"empty", "unix", "address"}

tls_matches_nothing(_, name) if {
	name.kind == "name"
	endswith(name.name, ".")
}

tls_matches_nothing(connection, name) if {
	name.kind == "name"
	connection.name_directive == connection.pass_directive
	not contains(name.name, ".")
	members := [member | some group in connection.groups; group.name == lower(name.name); some member in group.members]
	count(members) > 0
	every member in members {
		lower(split(member, ":")[0]) != lower(name.name)
	}
}

# Where a finding stands, and whether a comment `checkov:skip=ID:reason` covers that place or the connection.

tls_cause(connection, directive) := {
	"directive": directive,
	"file": connection.origins[directive].file,
	"line": connection.origins[directive].line,
}

tls_skipped(connection, number, cause) if cause in tls_covered(connection, number)

tls_skipped(connection, number, _) if {
	tls_cause(connection, connection.pass_directive) in tls_covered(connection, number)
}

tls_covered(connection, number) := [covered |
	some skip in connection.skips
	skip.id == tls_id(number)
	some covered in skip.covers
]

tls_id(number) := concat("", ["CKV_NGINX_CUSTOM_", number])

# A finding as Conftest takes it: `msg` is printed, `_loc` is where its GitHub and SARIF outputs point.

tls_finding(connection, number, cause, text) := {
	"msg": concat("", [tls_place(connection, cause), ": ", tls_id(number), ": ", text]),
	"id": tls_id(number),
	"file": cause.file,
	"line": cause.line,
	"resource": connection.resource,
	"_loc": {"file": tls_path(connection, cause.file), "line": cause.line},
}

# The same for what is not decided: it stands at the pass directive, where there is one.
tls_doubt(connection, number, _, text) := finding if {
	cause := tls_cause(connection, connection.pass_directive)
	finding := tls_finding(connection, number, cause, text)
}

tls_doubt(connection, number, cause, text) := tls_finding(connection, number, cause, text) if {
	connection.pass_directive == null
}

tls_place(connection, origin) := concat(":", [tls_path(connection, origin.file), format_int(origin.line, 10)])

tls_path(connection, file) := file if connection.root == "."

tls_path(connection, file) := concat("/", [trim_right(connection.root, "/"), file]) if connection.root != "."

# Words of messages.

tls_depends := " depends on a value that is not known here"

tls_for(connection) := concat("", [" for ", connection.target, " (", tls_place(connection, connection), ")"]) if {
	connection.target != null
}

tls_for(connection) := "" if connection.target == null

tls_remedy(connection) := concat("", [
	"Set ",
	tls_directive(connection, "verify"),
	" to on and give ",
	tls_directive(connection, "trusted_certificate"),
	" the CA certificate that signs the upstream's.",
])

tls_hiding(connection, directive) := concat("", [
	" The empty value at ",
	tls_place(connection, connection.origins[directive]),
	" hides any outer one.",
])

tls_hiding(connection, directive) := "" if not connection.origins[directive]

tls_not_seen(connection) := "" if count(connection.missing_includes) == 0

tls_not_seen(connection) := text if {
	count(connection.missing_includes) > 0
	missing := concat(", ", connection.missing_includes)
	text := concat("", [" Not in the scanned tree, and so not looked at: ", missing, "."])
}
