# SPDX-License-Identifier: ISC
"""push_page.py - docs/push.md and its pictures from the figures of tests/bench/push."""
import os

from chart import Chart

BLUE, SKY, GREEN, RED, ORANGE, BROWN = "#1a5fa5", "#58a6e0", "#2e8b57", "#c0392b", "#e08a1e", "#7a4b1e"

TEXT = """# Push, measured

This page is made by `tests/bench/push --draw` from what `tests/bench/push` measured on {when} at {commit}: one
machine with {cores} cores ({model}), {memory_gb} GB, Linux {kernel}. Clients, senders and server share it, all
on loopback; each device has TLS of its own and comes from an address of 127.0.0.0/8. {mix}

    cmake --preset release && ninja -C build/release
    tests/bench/push && tests/bench/push --draw

A device that waits costs its share of the server's memory (PSS, what the server holds without devices taken
off) and of the kernel's (sockets, files, epoll, TCP pages, halved: both ends are on this machine). Latency is from SMTP's 250
to the answer of the Ping or the Sync, or the `EXISTS` of the IDLE, read by the client.
"""

MIX = ("Of the devices {ping} % wait in ActiveSync Ping, {sync} % in Sync with a heartbeat, {idle} % in IMAP IDLE; half "
       "of the phones use HTTP/2. Heartbeats are 15 minutes and spread as they are after hours; the time of silence, "
       "in which CPU is read, has its share of heartbeats; with a * it came when each device had had one (--steady): the "
       "second is of another length than the first, which costs a commit.")

ENGINES = (("sqlite", "SQLite, one node"), ("postgresql", "PostgreSQL, one node"),
           ("nodes", "PostgreSQL, two nodes: devices on one, mail on the other"))


def cell(v, form="{:.1f}"):
    return "-" if v is None else form.format(v)


def latency(row, kind):
    v = row["mail"].get(kind + "_after_250")
    return "%.2f / %.1f" % (v["p50"], v["p99"]) if v else "-"


def engine_table(result):
    out = ["| devices | server KB each | kernel KB each | idle CPU, % of a core | Ping p50 / p99, ms | Sync | IDLE "
           "| 250, p50 / p99 | plain Sync, p50 / p99 | CPU a mail: server, clients, ms | both cores busy, % |",
           "|---|---|---|---|---|---|---|---|---|---|---|"]
    for row in result["rows"]:
        accept, sync, mail = row["mail"]["accept"], row["sync"], row["mail"]
        out.append("| {:,} | {:.1f} | {} | {:.1f}{} | {} | {} | {} | {:.2f} / {:.1f} | {:.2f} / {:.1f} | {}, {} | {} |".format(
            row["devices"], row["pss_each_kb"], cell(row["kernel_each_kb"]), row["idle_cpu_percent"],
            " *" if row.get("steady") else "", latency(row, "ping"),
            latency(row, "sync"), latency(row, "idle"), accept["p50"], accept["p99"], sync["p50"], sync["p99"],
            cell(mail.get("cpu_ms"), "{:.2f}"), cell(mail.get("clients_cpu_ms"), "{:.2f}"),
            cell(mail.get("machine_busy_percent"), "{:.0f}")))
    return out


def engine_text(result):
    last = result["rows"][-1]
    mail = last["mail"]
    out = ["", "{:,.0f} deliveries a second at each size; none of {:,} wake-ups at the last size was missing, none came "
           "twice. {:,} users: each mail wakes {:.1f} devices at the last size. Before the crowd came a plain Sync took "
           "{:.2f} ms (p50) and {:.1f} ms (p99). The server without devices holds {:.0f} MB.".format(mail["sent"] / mail["seconds"],
                                     sum(mail[k + "_after_250"]["n"] for k in ("ping", "sync", "idle")
                                         if k + "_after_250" in mail),
                                     result["users"]["n"], max(1, last["devices"] / result["users"]["n"]),
                                     result["sync_alone"]["p50"], result["sync_alone"]["p99"],
                                     result["base_pss_kb"] / 1024)]
    return out


def storm_table(result):
    rows = [(name, result[key]["storm"], result[key].get("restart")) for key, name in ENGINES
            if key in result and "storm" in result[key]]
    if not rows:
        return []
    out = ["", "## Coming back", "",
           "Full handshakes, no resumption (ECDSA P-256). `openssl speed` signs {:,.0f} times a second on one core in the "
           "same run. Set up: connect, handshake, sign in, Ping, Sync or LOGIN, SELECT and IDLE, 128 devices at a time. "
           "Storm: all connections are reset at once and all come back at once. Killed: `kill -9` under all devices; they "
           "come back with pauses that double, and every password is checked anew.".format(
               rows[0][1]["openssl_speed"]["sign_per_s"]), "",
           "| | devices | handshakes alone | set up, a second | of `openssl speed` | storm: 99 of 100, all | times the handshakes "
           "| storm with tickets | killed: devices | 99 of 100, all wait after |", "|---|---|---|---|---|---|---|---|---|---|"]
    for name, s, r in rows:
        out.append("| {} | {:,} | {:.1f} s, {:,.0f}/s | {:,.0f} | {:.1f} % | {:.1f}, {:.1f} s | {:.2f} | {:.1f} s | {} | {} |".format(
            name, s["devices"], s["handshakes_s"], s["handshakes_per_s"], s["setups_per_s"],
            s["setups_of_openssl_speed_percent"], s["storm_99_s"], s["storm_s"], s["storm_over_handshakes"],
            s["resumed_storm_s"],
            "{:,}".format(r["devices"]) if r else "-", "%.1f, %.1f s" % (r["most_wait_s"], r["all_wait_s"]) if r else "-"))
    return out


def peers(result):
    out = []
    if "imap" in result:
        out += ["", "## IMAP beside Dovecot", "", "Sessions over TLS in IDLE, mail by LMTP at 20 a second; from the message's "
                "last byte to `EXISTS`, by one client for all (`imap_idle_bench.py`).", "",
                "| | sessions | memory each (PSS) | push p50 | p99 | CPU a delivery |", "|---|---|---|---|---|---|"]
        names = {"godwit": "Godwit", "dovecot": "Dovecot 2.3", "hibernating": "Dovecot 2.3, hibernating"}
        for case, rows in result["imap"].items():
            for r in rows:
                out.append("| {} | {:,} | {:.1f} KB | {:.1f} ms | {:.1f} ms | {:.1f} ms |".format(
                    names[case], r["devices"], r["pss_kib_per_conn"], r["lat_p50_ms"], r["lat_p99_ms"],
                    r["server_cpu_ms_per_delivery"]))
    if "sogo" in result:
        s = result["sogo"]
        v = s["mail"]["ping_after_250"]
        out += ["", "## ActiveSync beside SOGo", "",
                "SOGo 5.8 with {} workers holds {} Pings (one less than its workers is the most, and then it answers nobody "
                "else): {:.1f} MB each, all its processes counted, and {:,.0f} ms (p50), {:,.0f} ms (p99) from LMTP's 250 to "
                "the answer, since it looks every five seconds.".format(
                    s["workers"], s["devices"], s["pss_each_kb"] / 1024, v["p50"], v["p99"])]
    return out


def rows_of(result, key):
    return result.get(key, {}).get("rows", [])


def memory_chart(result):
    c = Chart("Memory of all processes and the kernel's share", "devices that wait", "megabytes")
    for key, name, color in (("sqlite", "Godwit, SQLite", BLUE), ("postgresql", "Godwit, PostgreSQL", SKY),
                             ("nodes", "Godwit, two nodes", GREEN)):
        c.line(name, [(r["devices"], r["pss_kb"] / 1024 + r["kernel_each_kb"] * r["devices"] / 1024)
                      for r in rows_of(result, key) if r["kernel_each_kb"]], color)
    for case, name, color in (("dovecot", "Dovecot, IDLE", RED), ("hibernating", "Dovecot, hibernating", ORANGE)):
        c.line(name, [(r["devices"], r["pss_total_mib"] + r["kernel_kib_per_conn"] * r["devices"] / 1024)
                      for r in result.get("imap", {}).get(case, [])], color)
    if "sogo" in result:
        c.line("SOGo, Ping", [(result["sogo"]["devices"], result["sogo"]["pss_kb"] / 1024)], BROWN)
    return c


def latency_chart(result):
    c = Chart("From SMTP's 250 to the device, p50 and p99 (dashed)", "devices that wait", "milliseconds")
    for key, kind, name, color in (("sqlite", "ping", "Ping", BLUE), ("sqlite", "sync", "Sync", SKY),
                                   ("sqlite", "idle", "IDLE", GREEN), ("nodes", "ping", "Ping, two nodes", ORANGE)):
        for p in ("p50", "p99"):
            c.line(name + ", " + p, [(r["devices"], r["mail"][kind + "_after_250"][p]) for r in rows_of(result, key)
                                     if kind + "_after_250" in r["mail"]], color, dashed=p == "p99")
    c.line("Dovecot, p50", [(r["devices"], r["after_ack_p50_ms"])
                            for r in result.get("imap", {}).get("dovecot", [])], RED)
    if "sogo" in result:
        c.line("SOGo, p50", [(result["sogo"]["devices"], result["sogo"]["mail"]["ping_after_250"]["p50"])], BROWN)
    return c


def write(result, docs):
    if not any(rows_of(result, key) for key, _ in ENGINES):
        print("push: there are no figures of Godwit to draw")
        return 1
    percent = result["mix"]
    mix = MIX.format(ping=100 - percent["sync"] - percent["idle"], **percent)
    out = [TEXT.format(when=result["when"], mix=mix, **result["machine"])]
    out += ["![Memory](figures/push-memory.svg)", "", "![Latency](figures/push-latency.svg)"]
    for key, name in ENGINES:
        if rows_of(result, key):
            out += ["", "## " + name, ""] + engine_table(result[key]) + engine_text(result[key])
    out += storm_table(result) + peers(result)
    os.makedirs(os.path.join(docs, "figures"), exist_ok=True)
    for name, chart in (("push-memory", memory_chart(result)), ("push-latency", latency_chart(result))):
        with open(os.path.join(docs, "figures", name + ".svg"), "w") as f:
            f.write(chart.svg())
    with open(os.path.join(docs, "push.md"), "w") as f:
        f.write("\n".join(out) + "\n")
    print("push: docs/push.md and its two pictures are written")
    return 0
