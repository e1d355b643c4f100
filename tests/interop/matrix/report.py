"""The table of docs/interoperation.md: made of a run, and compared with one."""

import os
import re

import table

BEGIN, END = "<!-- made by tests/interop/matrix.py --write -->\n", "<!-- end -->\n"
HEADINGS = {
    "suite": "suite",
    "group": "group",
    "scheme": "the server signs with",
    "client": "the client signs with",
    "resume": "session",
    "retry": "HelloRetryRequest",
    "extra": "and",
}


def entry(done, peer, role, version, dimension, value):
    """yes, or a number of the list below: why there is no such cell. The versions that have it count."""
    theirs = "server" if role == "client" else "client"
    ran = [why for cell, why in done if cell[dimension] == value and cell["version"] == version]
    if ran:
        return "yes" if not any(ran) else "FAILS"
    for line in table.CANNOT:
        if line.peer == peer and line.role in (theirs, "both"):
            here = {"version": version, dimension: value}
            if all(d in here and re.fullmatch(v, here[d]) for d, v in line.what.items()):
                return line.why
    return "nothing to try it with"


def values_of(dimension, version):
    return [v for v in table.values(dimension, version) if v != "-"]


def lines_of(results, versions):
    """{(dimension, version, value): {(peer, role): entry}}"""
    found = {}
    for version in table.VERSIONS:
        for dimension in table.DIMENSIONS[1:]:
            for value in values_of(dimension, version):
                found[(dimension, version, value)] = {
                    key: entry(done, key[0], key[1], version, dimension, value) for key, done in results.items()}
    return found


def text_of(results, versions):
    columns = [(p, r) for p in table.PEERS if p in versions for r in ("client", "server")]
    whys, text = [], ["Peers: %s.\n" % ", ".join("%s %s" % (table.PEERS[p].title, versions[p])
                                                for p in table.PEERS if p in versions)]
    lines = lines_of(results, versions)
    for version in table.VERSIONS:
        text.append("\n### TLS %s\n" % version)
        text.append("\n| ours is the | " + " | ".join(r for _, r in columns) + " |")
        text.append("\n|---|" + "---|" * len(columns))
        text.append("\n| against | " + " | ".join(table.PEERS[p].title for p, _ in columns) + " |")
        for (dimension, of, value), entries in lines.items():
            if of != version:
                continue
            words = []
            for column in columns:
                word = entries[column]
                if word not in ("yes", "FAILS"):
                    if (column[0], word) not in whys:
                        whys.append((column[0], word))
                    word = "no (%d)" % (whys.index((column[0], word)) + 1)
                words.append(word)
            text.append("\n| %s `%s` | " % (HEADINGS[dimension], value) + " | ".join(words) + " |")
        text.append("\n")
    text.append("\n")
    for i, (peer, why) in enumerate(whys):
        text.append("%d. %s %s %s.\n" % (i + 1, table.PEERS[peer].title, versions[peer], why))
    return "".join(text) + combinations(versions, whys)


def combinations(versions, whys):
    """Those lines that take away no value as a whole."""
    text = ["\nNot together:\n\n"]
    for line in table.CANNOT:
        if line.peer in versions and (line.peer, line.why) not in whys:
            what = ", ".join("%s `%s`" % (HEADINGS.get(d, d), v) for d, v in line.what.items())
            text.append("- %s %s as %s: %s: %s.\n" % (table.PEERS[line.peer].title, versions[line.peer], line.role, what,
                                                      line.why))
    return "".join(text) if len(text) > 1 else ""


# ---- the page ----------------------------------------------------------------------------------------------------------


def split(line):
    return [word.strip() for word in line.strip().strip("|").split("|")]


def read(block):
    """{(peer's title, its version, our role, TLS version, row): entry} of such a text."""
    peers = dict(word.rsplit(" ", 1) if "(" not in word else word.split(" ", 1)
                 for word in re.search(r"^Peers: (.*)\.$", block, re.M).group(1).split(", "))
    whys = dict(re.findall(r"^(\d+)\. (.*)$", block, re.M))
    found = {}
    for section in re.split(r"^### TLS ", block, flags=re.M)[1:]:
        version = section[:3]
        rows = [split(line) for line in section.splitlines() if line.startswith("|") and "---" not in line]
        roles, titles = rows[0][1:], rows[1][1:]
        for row in rows[2:]:
            for role, title, word in zip(roles, titles, row[1:]):
                number = re.match(r"no \((\d+)\)", word)
                word = "no: " + whys[number.group(1)] if number else word
                found[(title, peers[title], role, version, row[0])] = word
    return found


def judge(results, versions, page, write):
    """Writes the page's table, or says in what it differs from this run. Peers of other versions are not compared."""
    text = text_of(results, versions)
    with open(page, encoding="utf-8") as file:
        before, block, after = re.match(r"(.*%s)(.*?)(%s.*)" % (re.escape(BEGIN), re.escape(END)), file.read(),
                                        re.S).groups()
    if write:
        with open(page, "w", encoding="utf-8") as file:
            file.write(before + "\n" + text + "\n" + after)
        return []
    new, old = read(text), read(block) if block.strip() else {}
    known = {key[:2] for key in old}
    for title, version in sorted({key[:2] for key in new} - known):
        print("%s %s is not in docs/interoperation.md, so there is nothing to compare it with" % (title, version))
    wrong = ["docs/interoperation.md: %s: %s, and now %s (matrix.py --write)" % (" ".join(key), old.get(key), value)
             for key, value in new.items() if key[:2] in known and old.get(key) != value]
    return wrong + ["docs/interoperation.md: %s is gone (matrix.py --write)" % " ".join(key)
                    for key in old if key[:2] in {k[:2] for k in new} and key not in new]


def write_cells(results, versions, path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write("| peer | ours | " + " | ".join(table.DIMENSIONS) + " | |\n" + "|---" * 11 + "|\n")
        for (peer, role), done in results.items():
            for cell, why in done:
                file.write("| %s %s | %s | %s | %s |\n" % (table.PEERS[peer].title, versions[peer], role, " | ".join(
                    cell[d] for d in table.DIMENSIONS), why or "passed"))
