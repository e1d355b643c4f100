#!/usr/bin/env python3
"""The reference, from the headers: HTML with a page for each function, and man pages. `make docs` calls it.

    make.py FOLDER      FOLDER/html/index.html, FOLDER/html/dor_ssl_recv.html, ..., FOLDER/man/man3/dor_ssl_recv.3, ...

doxygen reads the headers through prepare.py beside this. Any warning of it is an error. Its pages get the names of
what they are about; the man pages are written here, from doxygen's XML.
"""

import glob
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))


def run_doxygen(out):
    with open(os.path.join(SOURCE, "api/include/dormouse/version.h"), encoding="utf-8") as file:
        version = re.search(r'#define DOR_VERSION\s+"(.*?)"', file.read()).group(1)
    for part in ("html", "xml", "man"):
        shutil.rmtree(os.path.join(out, part), ignore_errors=True)
    os.makedirs(out, exist_ok=True)
    environment = dict(os.environ, OUTPUT_DIRECTORY=os.path.abspath(out), PROJECT_NUMBER=version)
    done = subprocess.run(["doxygen", os.path.join(HERE, "Doxyfile")], cwd=SOURCE, env=environment,
                          stderr=subprocess.PIPE, text=True)
    if done.returncode or done.stderr.strip():
        sys.exit(done.stderr + "make docs: doxygen is not content")
    return version


# ---- HTML ------------------------------------------------------------------------------------------------------------


def name_pages(out):
    """group__ssl_ga0123.html becomes dor_ssl_recv.html, here and in every link."""
    names, taken = {}, set()
    members = list(ET.parse(os.path.join(out, "reference.tag")).iter("member"))
    order = {"function": 0, "enumvalue": 2}  # a function has the first word, the value of an enum that has a name none
    for member in sorted(members, key=lambda m: order.get(m.get("kind"), 1)):
        page, name = member.findtext("anchorfile", ""), member.findtext("name", "")
        if re.fullmatch(r"group__\w+_ga[0-9a-f]+\.html", page) and page[:-5] not in names and name.lower() not in taken:
            names[page[:-5]] = name
            taken.add(name.lower())
    html = os.path.join(out, "html")
    for path in glob.glob(html + "/**/*", recursive=True):
        if not path.endswith((".html", ".js")):
            continue
        with open(path, encoding="utf-8") as file:
            text = file.read()
        with open(path, "w", encoding="utf-8") as file:
            file.write(re.sub(r"\bgroup__\w+_ga[0-9a-f]{32}(?=\.html)", lambda m: names.get(m.group(0), m.group(0)), text))
    for page, name in names.items():
        os.rename(os.path.join(html, page + ".html"), os.path.join(html, name + ".html"))
    return names


# ---- man pages -------------------------------------------------------------------------------------------------------


def escaped(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"(?m)^([.'])", r"\\&\1", text)


def inline(node):
    """The text of a paragraph; what is set apart in it stands on lines of its own."""
    text = escaped(re.sub(r"\s+", " ", node.text or ""))
    for child in node:
        if child.tag in ("programlisting", "verbatim", "itemizedlist", "orderedlist", "parameterlist", "simplesect", "table"):
            text = text.rstrip() + "\n" + block(child)
        elif child.tag == "bold":
            text += "\\fB%s\\fR" % inline(child).strip()
        elif child.tag in ("emphasis", "computeroutput"):
            text += "\\fI%s\\fR" % inline(child)
        elif child.tag == "sp":
            text += " "
        else:
            text += inline(child)
        tail = escaped(re.sub(r"\s+", " ", child.tail or ""))
        text += tail.lstrip() if text.endswith("\n") else tail
    return text


def code(node):
    lines = ["".join(spelled(line)) for line in node.iter("codeline")]
    return ".PP\n.RS 4\n.nf\n" + escaped("\n".join(lines) if lines else (node.text or "").strip("\n")) + "\n.fi\n.RE\n"


def spelled(node):
    yield " " if node.tag == "sp" else (node.text or "")
    for child in node:
        yield from spelled(child)
        yield child.tail or ""


def block(node):
    if node.tag in ("programlisting", "verbatim"):
        return code(node)
    if node.tag in ("itemizedlist", "orderedlist"):
        return "".join(".IP \\(bu 2\n%s\n" % paragraphs(item) for item in node.findall("listitem")) + ".PP\n"
    if node.tag == "parameterlist":
        return "".join(".TP\n.I %s\n%s\n" % (", ".join(n.text for n in item.iter("parametername")),
                                             paragraphs(item.find("parameterdescription")))
                       for item in node.findall("parameteritem")) + ".PP\n"
    if node.tag == "simplesect":
        return ".PP\n%s%s\n" % ("Returns " if node.get("kind") == "return" else "", paragraphs(node))
    return ""


def paragraphs(node):
    """All paragraphs of a description, the sections inside it included."""
    parts = []
    for child in node if node is not None else []:
        if child.tag == "para":
            parts.append(inline(child).strip())
        elif child.tag == "title":
            parts.append("\\fB%s\\fR" % escaped(child.text or ""))
        else:
            parts.append(paragraphs(child))
    return re.sub(r"\n{2,}", "\n", "\n.PP\n".join(p for p in parts if p))


def plain(node):
    return re.sub(r"\s+", " ", "".join(node.itertext())).strip() if node is not None else ""


def header(name, version):
    return '.\\" From the headers of Dormouse, by make docs.\n.TH %s 3 "" "Dormouse %s" "Dormouse"\n' % (name, version)


def function_page(member, include, group, version):
    name, brief = member.findtext("name"), plain(member.find("briefdescription"))
    returns = plain(member.find("type"))
    arguments = ", ".join(plain(p.find("type")) + ("" if plain(p.find("type")).endswith("*") else " ") +
                          (p.findtext("declname") or "") + plain(p.find("array")) for p in member.findall("param"))
    prototype = "%s%s%s(%s);" % (returns, "" if returns.endswith("*") else " ", name, arguments.strip() or "void")
    body = [paragraphs(member.find("briefdescription")), paragraphs(member.find("detaileddescription"))]
    return (header(name, version) + ".SH NAME\n%s \\- %s\n" % (name, escaped(brief.rstrip(".")).split("\n")[0]) +
            ".SH SYNOPSIS\n.nf\n.B #include <%s>\n.PP\n.BI \"%s\"\n.fi\n" % (include, escaped(prototype)) +
            ".SH DESCRIPTION\n%s\n" % "\n.PP\n".join(b for b in body if b) +
            ".SH SEE ALSO\n.BR dormouse_%s (3)\n" % group)


def group_page(compound, include, functions, version):
    name, brief = compound.findtext("compoundname"), plain(compound.find("briefdescription"))
    listed = "".join(".TP\n.BR %s (3)\n%s\n" % (n, escaped(b)) for n, b in functions)
    return (header("dormouse_" + name, version) + ".SH NAME\ndormouse_%s \\- %s\n" % (name, escaped(brief.rstrip("."))) +
            ".SH SYNOPSIS\n.B #include <%s>\n" % include +
            ".SH DESCRIPTION\n%s\n" % paragraphs(compound.find("detaileddescription")) +
            (".SH FUNCTIONS\n" + listed if listed else ""))


def man_pages(out, version):
    folder = os.path.join(out, "man", "man3")
    os.makedirs(folder)

    def write(name, text):
        with open(os.path.join(folder, name + ".3"), "w", encoding="utf-8") as file:
            file.write(text)

    for path in glob.glob(os.path.join(out, "xml", "group__*.xml")):
        compound = ET.parse(path).getroot().find("compounddef")
        group, include = compound.findtext("compoundname"), compound.findtext("title")
        functions = []
        for member in compound.iter("memberdef"):
            if member.get("kind") == "function":
                functions.append((member.findtext("name"), plain(member.find("briefdescription"))))
                write(member.findtext("name"), function_page(member, include, group, version))
        write("dormouse_" + group, group_page(compound, include, functions, version))
    return len(os.listdir(folder))


def main(out):
    version = run_doxygen(out)
    pages = name_pages(out)
    print("%s/html/index.html: %d pages; %s/man: %d" % (out, len(pages), out, man_pages(out, version)))
    shutil.rmtree(os.path.join(out, "xml"))
    os.remove(os.path.join(out, "reference.tag"))


if __name__ == "__main__":
    main(sys.argv[1])
