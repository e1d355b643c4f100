#!/usr/bin/env python3
"""docs/options-otp.md has every option and function there is, and says of each what api/options_table.c does with it.

    tests/arch/options_otp.py       check this checkout

The table of options has an entry: the page says works, differs or ours. It stands among those that come later: not yet.
Among those that have no use here: no. And nothing else is said to be there.
"""

import os
import re
import sys

ROOT = os.environ.get("DORMOUSE_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# The names of ssl's options in the reference (OTP 18.0).
REFERENCE = """
verify verify_fun fail_if_no_peer_cert depth cert certfile key keyfile password cacerts cacertfile dh dhfile ciphers
user_lookup_fun psk_identity srp_identity reuse_sessions reuse_session next_protocols_advertised
client_preferred_next_protocols log_alert server_name_indication cb_info secure_renegotiate crl_check crl_cache
partial_chain versions hibernate_after padding_check alpn_advertised_protocols alpn_preferred_protocols fallback
honor_cipher_order mode packet header active
""".split()

# Those of ssl's option types in OTP 28.
TODAY = """
protocol handshake ciphers signature_algs signature_algs_cert keep_secrets max_handshake_size versions log_level
hibernate_after receiver_spawn_opts sender_spawn_opts certs_keys depth verify_fun cert_policy_opts allow_any_ca_purpose
crl_check crl_cache partial_chain use_srtp cert certfile key keyfile password log_alert padding_check beast_mitigation
ssl_imp eccs secure_renegotiate user_lookup_fun supported_groups key_update_at psk_groups alpn_advertised_protocols
max_fragment_length verify cacerts cacertfile server_name_indication customize_hostname_check certificate_authorities
stapling client_preferred_next_protocols reuse_session reuse_sessions psk_identity srp_identity fallback session_tickets
use_ticket early_data middlebox_comp_mode alpn_preferred_protocols sni_hosts sni_fun fail_if_no_peer_cert
next_protocols_advertised client_renegotiation honor_cipher_order honor_ecc_order dh dhfile stateless_tickets_seed
anti_replay cookie cb_info mode packet header active
""".split()

FUNCTIONS_REFERENCE = """
cipher_suites clear_pem_cache connect close connection_info controlling_process format_error getopts listen
negotiated_protocol peercert peername prf recv renegotiate send setopts shutdown ssl_accept sockname start stop
transport_accept versions
""".split()

FUNCTIONS_TODAY = """
connect close controlling_process handshake_cancel handshake_continue recv send setopts shutdown prf eccs renegotiate
handshake listen transport_accept groups update_keys append_cipher_suites cipher_suites clear_pem_cache
connection_information export_key_materials filter_cipher_suites format_error getopts getstat negotiated_protocol
peercert peername prepend_cipher_suites signature_algs sockname start stop str_to_suite suite_to_openssl_str
suite_to_str versions
""".split()


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def between(text, begin, end):
    return text[text.index(begin):text.index(end, text.index(begin))]


def main():
    table, page = read("api", "options_table.c"), read("docs", "options-otp.md")
    there = re.findall(r'^    \{"(\w+)", "', between(table, "dor__options_table[] = {", "\n};"), re.M)
    later = re.findall(r'^    "(\w+)",', between(table, "const later[] = {", "\n};"), re.M)
    pointless = re.findall(r'^    \{"(\w+)", "', between(table, "pointless[] = {", "\n};"), re.M)
    if len(there) < 50 or len(later) < 5 or len(pointless) < 5:
        sys.exit("api/options_table.c is not understood")

    wrong, options, functions = [], {}, {}
    for line in page[:page.index("## Callback modules")].splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) != 4 or not cells[0].startswith("`"):
            continue
        for name, arity in re.findall(r"`(\w+)(/[\d,]+)?`", cells[0]):
            if arity:  # one with several arities may have several rows
                before = functions.get(name, ["–"] * 3)
                functions[name] = [old if new == "–" else new for old, new in zip(before, cells[1:])]
            elif name in options:
                wrong.append("option %s stands there twice" % name)
            else:
                options[name] = cells[1:]
    for names, words in ((there, ("works", "differs", "ours")), (later, ("not yet",)), (pointless, ("no:",))):
        for name in names:
            if name not in options:
                wrong.append("docs/options-otp.md has no row for option %s" % name)
            elif not options[name][2].startswith(words):
                wrong.append("option %s: '%s' should begin with %s" % (name, options[name][2], " or ".join(words)))
    for name, (_, _, ours) in options.items():
        if name not in there + later + pointless and not ours.startswith("no:"):
            wrong.append("option %s: api/options_table.c does not know it" % name)
        if name not in REFERENCE + TODAY and ours.startswith("ours") != (options[name][:2] == ["–", "–"]):
            wrong.append("option %s: ours, or OTP's?" % name)
    for column, names in ((0, REFERENCE), (1, TODAY)):
        wrong += ["option %s: column %d is empty" % (n, column + 2) for n in names if options.get(n, ["–"] * 3)[column] == "–"]
    for column, names in ((0, FUNCTIONS_REFERENCE), (1, FUNCTIONS_TODAY)):
        wrong += ["function %s: no row, or column %d is empty" % (n, column + 2)
                  for n in names if functions.get(n, ["–"] * 3)[column] == "–"]
    print("\n".join(wrong) or "%d options, %d functions" % (len(options), len(functions)))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
