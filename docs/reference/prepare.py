#!/usr/bin/env python3
"""What doxygen reads in place of a header: doxygen's INPUT_FILTER.

    prepare.py HEADER       writes the header to standard output, with what its layout says put into doxygen's words

The headers are written for people who read them; their layout says what a reference needs to know:

    the comment at the top              the text of the header's group
    /* ---- words ---- */               a section, until the next one; a comment that follows it at once is its text
    declarations without a blank line   share the comment of the first: a call and its _async form
    dor_name in a comment               a link
    LIST(X) behind #define X(...)       the enumerators that the list makes, with their texts
"""

import os
import re
import sys

COMMENT = re.compile(r"/\*.*?\*/", re.S)
SECTION = re.compile(r"/\* -{4,} (.*?) -{4,} \*/")
NAME = re.compile(r"(?<![\w#@/.\\])(dor_\w*[a-z0-9]|DOR_\w*[A-Z0-9])\b(?!\.h|\*|_|\(\w)")


def words(text):
    """The text of a comment: without its frame, with what doxygen would take for a command made harmless."""
    lines = [re.sub(r"^\s*\* ?", "", line).rstrip() for line in text[2:-2].strip("*").strip("<").split("\n")]
    for i in range(len(lines) - 1, 0, -1):  # what follows a list is no part of its last item
        if lines[i][:1].strip() and not lines[i].startswith("- ") and re.match(r" +(- |\w)", lines[i - 1]):
            lines.insert(i, "")
    return "\n".join(lines).strip("\n")


def linked(text, known):
    """Names become links, except in code (lines that are indented by four) and as part of something else."""
    def link(match):
        return "#" + match.group(1) if match.group(1) in known else match.group(1)

    out = []
    for line in text.split("\n"):
        code = re.match(r"(\s*\* )? {4}", line)
        if not code:
            line = re.sub(r"([<>&])", r"\\\1", line)
            line = NAME.sub(link, line)
        out.append(line)
    return "\n".join(out)


def source(text):
    """Where a rule comes from stands at the end of a comment; in a paragraph of its own it is found."""
    return re.sub(r"\bSource: ", "\n *\n * **Source:** ", text) if "\n" in text else text


def frame(text, before=""):
    return "/**" + before + "\n" + "\n".join((" * " + line).rstrip() for line in text.split("\n")) + "\n */"


def names_of(folder):
    """What the headers declare, so that a link is made to that alone."""
    known = set()
    for name in os.listdir(folder):
        if name.endswith(".h"):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                known |= declared(COMMENT.sub(" ", expand(file.read())))
    return known


def declared(code):
    known = set(re.findall(r"\b(dor_\w+)\s*\(", code)) | set(re.findall(r"#define (DOR_\w+)", code))
    known |= set(re.findall(r"\(\*(dor_\w+)\)", code)) | set(re.findall(r"\}\s*(dor_\w+);", code))
    known |= set(re.findall(r"typedef\s[^;{]*?\b(dor_\w+);", code))
    for body in re.findall(r"\benum\b[^{;]*\{(.*?)\}", code, re.S):
        known |= set(re.findall(r"\b(DOR_\w+)\b(?=\s*(?:=|,|$))", body))
    return known


def expand(text):
    """LIST(X), where X is defined for it, as the list's entries; what an entry says in quotes is its comment."""
    lists = {}
    for name, body in re.findall(r"#define (\w+)\(X\)((?:[^\n]*\\\n)*[^\n]*)", text):
        entries = re.findall(r"X\(\s*(\w+)\s*,\s*(\w+)\s*,(?:\s*(\w+)\s*,)?\s*\"(.*?)\"\s*\)", body)
        lists[name] = [(a, b, c, t) if c else (a, b, t) for a, b, c, t in entries]

    def use(match):
        parameters = [p.strip() for p in match.group(2).split(",")]
        out = []
        for entry in lists.get(match.group(4), []):
            line = match.group(3).strip()
            for parameter, value in zip(parameters, entry):
                line = re.sub(r"(?:##)?\b%s\b(?:##)?" % parameter, value, line)
            out.append("    %s /**< %s */" % (line, entry[-1]))
        return "\n".join(out) + "\n"

    return re.sub(r"#define (DOR_\w+)\(([\w, ]+)\) ([^\n]*),\n\s*(\w+)\(\1\)\n#undef \1\n",
                  lambda m: use(re.match(r"#define (DOR_\w+)\(([\w, ]+)\) ([^\n]*,)\n\s*(\w+)\(", m.group(0))), text)


def shared(text):
    """Gives each declaration that follows another without a blank line, and has no comment, that one's comment."""
    out, comment, depth = [], None, 0
    pieces = re.split(r"(/\*.*?\*/|\n[ \t]*\n)", text, flags=re.S)
    for piece in pieces:
        if piece.startswith("/**") and not piece.startswith("/**<") and depth == 0:
            comment = piece
        elif re.fullmatch(r"\n[ \t]*\n", piece) and depth == 0:
            comment = None
        elif not piece.startswith("/*"):
            lines, start = [], True
            first = bool(out) and comment is not None and out[-1] is comment
            for line in piece.split("\n"):
                begins = depth == 0 and start and re.match(r"(DOR_API |typedef |static inline |#define )", line)
                if begins and comment and not first:
                    lines.append(comment)
                if begins:
                    first = False
                depth += line.count("{") - line.count("}")
                start = depth == 0 and bool(re.search(r"[;}]\s*$", line) or not line.strip() or line.startswith("#"))
                lines.append(line)
            piece = "\n".join(lines)
        out.append(piece)
    return "".join(out)


def one_by_one(text):
    """A comment behind several declarators is for each of them; one above a member also for the next without its own."""
    def split(match):
        begin, names, comment = match.groups()
        return "\n".join("%s %s; %s" % (begin, name, comment) for name in names.split(", "))

    text = re.sub(r"^( +\w+) (\w+(?:, \w+)+); +(/\*\*<.*\*/)$", split, text, flags=re.M)
    return re.sub(r"(^ +/\*\*(?!<)(?:(?!\*/).)*\*/\n)( +\w+ \(\*\w+\)[^;]*;\n)(?= +\w+ \(\*)", r"\1\2\1", text,
                  flags=re.M | re.S)


def alerts(text):
    """The numbers of alerts get the names that the RFCs give them."""
    return re.sub(r"^( +DOR_ALERT_(\w+) = (\d+),?)$", lambda m: "%s /**< %s(%s) */" % (m.group(1), m.group(2).lower(), m.group(3)),
                  text, flags=re.M)


def sections(text):
    """Opens a section where a line of dashes begins one, and closes it where the next begins."""
    out, last, is_open = [], 0, False
    for match in SECTION.finditer(text):
        out.append(text[last:match.start()])
        about = re.match(r"\s*(/\*(?!\*)(?! -{4,}).*?\*/)", text[match.end():], re.S)
        last = match.end() + (about.end() if about else 0)
        title = match.group(1).strip()
        body = "@name %s\n%s\n@{" % (title[0].upper() + title[1:], "\n" + words(about.group(1)) + "\n" if about else "")
        out.append(("/** @} */\n" if is_open else "") + frame(body))
        is_open = True
    return "".join(out) + text[last:] + ("\n/** @} */\n" if is_open else "")


def prepared(text, name, known):
    """The whole of it, for the header of that name; known are the names that links may be made to."""
    text = re.sub(r"#ifdef __cplusplus\n.*?#endif\n", "", text, flags=re.S)  # extern "C" is no nesting
    text = re.sub(r"/\* clang-format (on|off) \*/\n", "", text)
    text = sections(alerts(one_by_one(shared(expand(text)))))
    head = COMMENT.search(text)
    summary, _, about = words(head.group(0)).partition("\n\n")
    summary = re.sub(r"\s+", " ", re.sub(r"^\S+ - ", "", summary))
    text = text[:head.start()] + text[head.end():]
    text = re.sub(r"(/\*\*<?)((?:(?!\*/).)*)(\*/)",
                  lambda m: m.group(1) + source(linked(m.group(2), known)) + m.group(3), text, flags=re.S)
    title = "dormouse.h" if name == "dormouse" else "dormouse/%s.h" % name
    brief = linked(summary, known)
    group = "@defgroup %s %s\n@brief %s\n\n%s\n@{" % (name, title, brief, linked(about, known))
    return "\n".join([frame("@file\n@brief " + brief), frame(group), text, "/** @} */", ""])


def main(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    folder = os.path.join(os.path.dirname(path), "" if os.path.basename(path) != "dormouse.h" else "dormouse")
    sys.stdout.write(prepared(text, os.path.splitext(os.path.basename(path))[0], names_of(folder)))


if __name__ == "__main__":
    main(sys.argv[1])
