#!/usr/bin/env python3
"""The reference is whole: what a header declares has a comment, and that says what one has to know.

    tests/arch/reference.py         check this checkout, and the checker itself

Of every function, type, field, macro and enumerator in api/include: a comment. Of every function besides, in its own
comment, its section's or its header's: which threads may call it; what it answers when it fails; for each pointer that
it takes or gives, who releases or keeps what is there. Of docs/*.md: each dor_name, DOR_NAME and header exists.

A script sees words, not sense: it asks for a word of the right kind.
"""

import glob
import importlib.util
import os
import re
import sys

ROOT = os.environ.get("DORMOUSE_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HEADERS = os.path.join(ROOT, "api", "include")

THREADS = re.compile(r"\b[Tt]hreads?\b|\bscheduler|\b[Ii]mmediate|\b[Ff]rom an? (actor|process)|\bblocks\b|[Bb]locking")
ERRORS = re.compile(r"DOR_E_|DOR_OK|\ba code\b|negative|\bclass\b")
OWNERSHIP = re.compile(
    r"\b([Tt]akes|[Rr]eleases?d?|[Cc]op(y|ied|ies)|[Bb]orrowed|[Rr]eferences?|[Oo]wns?|[Cc]aller|[Ff]rees?|[Gg]ives?|"
    r"lives?|constants?|[Ww]rites|written|filled|gets|[Kk]eeps?|dor_free|NUL|NULL|valid|outlives?|static|pure)\b")


def load(name):
    spec = importlib.util.spec_from_file_location(name, os.path.join(ROOT, "docs", "reference", name + ".py"))
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode = True
    spec.loader.exec_module(module)
    return module


PIECE = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"])*\"|[ \t]*#(?:\\\n|[^\n])*|\n|[{};,]|[^\s{};,/\"#]+|[ \t]+|.", re.S)


def declarations(text):
    """(kind, name, code, comment) of all that a prepared header declares."""
    found, stack, code, comment, behind = [], [], "", None, None

    def add(kind, name, what):
        entry = [kind, name, what, comment]
        if not name.endswith("_"):  # those are the library's own
            found.append(entry)
        return entry

    for piece in PIECE.findall(text):
        if piece.startswith("/**<"):
            if stack and stack[-1] == "enum" and code.strip():
                comment = piece
            elif behind is not None and not behind[3]:
                behind[3] = piece
        elif piece.startswith("/**"):
            if not re.search(r"@(name|file|defgroup)|@\}", piece):
                comment = piece
        elif piece.startswith("/*"):
            continue
        elif piece.lstrip().startswith("#"):
            macro = re.match(r"\s*#define (\w+)", piece)
            if macro and not macro.group(1).startswith("DORMOUSE_"):
                behind = add("macro", macro.group(1), "")
            comment = None if macro else comment
        elif piece == "{":
            opener = re.search(r"\b(struct|enum|union)\b\s*(\w*)\s*$", code)
            if stack and stack[-1] == "body":
                stack.append("body")
            elif opener:
                if opener.group(2):  # one without a name is no more than what is in it
                    add("type", opener.group(2), code)
                stack.append(opener.group(1))
            else:
                function(code, add)
                stack.append("body")
            code, comment = "", None
        elif piece == "}":
            if stack and stack[-1] == "enum" and code.strip():
                behind = add("enumerator", code.split("=")[0].strip(), code)
            kind = stack.pop() if stack else ""
            code, comment = ("" if kind == "body" else "}"), None
        elif piece == "," and stack and stack[-1] == "enum" and code.count("(") == code.count(")"):
            if code.strip():
                behind = add("enumerator", code.split("=")[0].strip(), code)
            code, comment = "", None
        elif piece == ";":
            behind = declaration(code, stack, add) or behind
            code, comment = "", None
        else:
            code += " " if piece.isspace() else piece
    return found


def function(code, add):
    name = re.search(r"\b(\w+)\s*\(", code)
    return add("function", name.group(1), code) if name else None


def declaration(code, stack, add):
    code = code.strip()
    if not code or code.startswith("}") or (stack and stack[-1] == "body"):
        return None
    if stack:
        name = re.search(r"\(\*(\w+)\)", code) or re.search(r"(\w+)\s*(?:\[[^\]]*\]\s*)*$", code)
        return add("field", name.group(1), code)
    if code.startswith("typedef"):
        name = re.search(r"\(\*(\w+)\)", code) or re.search(r"(\w+)$", code)
        return add("type", name.group(1), code)
    return function(code, add)


def check_function(name, code, comment, around):
    wrong = []
    arguments = re.sub(r"__attribute__.*", "", code[code.find("(") + 1:]).rstrip(" );")
    returns = code[:code.find(name)]
    said = comment + around
    for argument in [] if arguments == "void" else re.split(r",(?![^(]*\))", arguments):
        if not re.search(r"\w[\s\*]+\(?\*?\w+(\[\w*\])*\)?", argument) and argument.strip() != "...":
            wrong.append("a parameter without a name: " + argument.strip())
    if re.match(r"/\*\*\s*(?:\* )?(DOR_|Immediate|Source|\**Source|Any thread|NULL|The same)", comment):
        wrong.append("its first words are not what it does")
    if not THREADS.search(said):
        wrong.append("nothing about threads")
    if re.search(r"\bint\b", returns) and "static" not in returns and not ERRORS.search(said):
        wrong.append("nothing about errors")
    if ("*" in arguments or "*" in returns) and not OWNERSHIP.search(said):
        wrong.append("nothing about who owns what its pointers point to")
    return wrong


def check_header(text, name):
    """What is wrong with a prepared header, a line for each."""
    wrong, head = [], re.search(r"@defgroup.*?@\{", text, re.S)
    around = (head.group(0) if head else "") + "".join(re.findall(r"/\*\*\s*\* @name.*?\*/", text, re.S))
    for kind, what, code, comment in declarations(text):
        if not comment:
            wrong.append("%s: %s %s has no comment" % (name, kind, what))
        elif kind == "function":
            wrong += ["%s: %s: %s" % (name, what, w) for w in check_function(what, code, comment, around)]
    return wrong


def check_documents(known):
    """Names in the documents that no header has."""
    wrong, headers = [], {os.path.relpath(h, HEADERS) for h in glob.glob(HEADERS + "/**/*.h", recursive=True)}
    for path in sorted(glob.glob(os.path.join(ROOT, "docs", "*.md")) + [os.path.join(ROOT, "README.md")]):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        internal = os.path.basename(path) in INTERNAL
        for name in sorted(set(re.findall(r"(?<![\w/])(?:dor_[a-z]\w*[a-z0-9]|DOR_[A-Z]\w*[A-Z0-9])\b(?![*\w])", text))):
            if name not in known and not internal:
                wrong.append("%s: there is no %s" % (os.path.relpath(path, ROOT), name))
        for header in sorted(set(re.findall(r"\bdormouse/\w+\.h\b", text)) - headers):
            wrong.append("%s: there is no %s" % (os.path.relpath(path, ROOT), header))
    return wrong


# About the inside, whose names are in no public header.
INTERNAL = {"architecture.md", "engine.md", "journeys.md", "runtime.md", "certificates.md"}


def self_test(prepare):
    """Each of these headers has one thing wrong."""
    head = "/*\n * dormouse/x.h - a test.\n *\n * Threads: any.\n */\n"
    good = "/** Gives x; the caller releases it. DOR_E_NOMEM. */\nDOR_API int dor_x(int y, void **x);\n"
    cases = [
        (good, ""),
        (good + "DOR_API int dor_x_async(int y, void **x);\n", ""),
        (good + "\nDOR_API int dor_z(int y, void **x);\n", "function dor_z has no comment"),
        ("/** Gives x; the caller releases it. */\nDOR_API int dor_x(int y, void **x);\n", "nothing about errors"),
        ("/** Does it. DOR_E_NOMEM. */\nDOR_API int dor_x(int y, void **x);\n", "who owns"),
        ("/** DOR_E_NOMEM. */\nDOR_API int dor_x(int y);\n", "first words"),
        ("/** Does it. DOR_E_NOMEM. */\nDOR_API int dor_x(int);\n", "without a name"),
        ("/** One. */\ntypedef struct dor_s {\n    int a; /**< a */\n    int b;\n} dor_s;\n", "field b has no"),
        ("/** One. */\nenum { DOR_A, DOR_B /**< b */ };\n", "enumerator DOR_A has no"),
        ("#define DOR_M 1\n", "macro DOR_M has no"),
        ("typedef struct dor_s dor_s;\n", "type dor_s has no"),
    ]
    for text, expected in cases:
        wrong = check_header(prepare.prepared(head + "\n" + text, "x", {"dor_x"}), "x.h")
        if (wrong and not expected) or (expected and not any(expected in w for w in wrong)):
            raise SystemExit("the checker is wrong about:\n%s\nexpected '%s', said %s" % (text, expected, wrong))
    silent = "/*\n * dormouse/x.h - a test.\n */\n\n" + good.replace("the caller", "who asked")
    if not any("threads" in w for w in check_header(prepare.prepared(silent, "x", set()), "x.h")):
        raise SystemExit("the checker does not miss a word on threads")


def main():
    prepare = load("prepare")
    self_test(prepare)
    wrong, known = [], set()
    for path in sorted(glob.glob(HEADERS + "/**/*.h", recursive=True)):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        name = os.path.splitext(os.path.basename(path))[0]
        text = prepare.prepared(text, name, set())
        wrong += check_header(text, os.path.relpath(path, ROOT))
        known |= {what for _, what, _, _ in declarations(text)}
    wrong += check_documents(known)
    print("\n".join(wrong) or "%d names, all with what one has to know" % len(known))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
