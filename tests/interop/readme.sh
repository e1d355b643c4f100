#!/usr/bin/env bash
# The README's first program is docs/examples/echo.c, it is no longer than it says, and it works; the documents' links
# lead somewhere.
source "$(dirname "$0")/../support/interop.sh"
need python3

sed -n '/^```c$/,/^```$/p' "$SOURCE/README.md" | sed '1d;$d' >"$WORK/snippet.c"
check "README.md shows docs/examples/echo.c" diff "$SOURCE/docs/examples/echo.c" "$WORK/snippet.c"
lines=$(grep -c . "$WORK/snippet.c")
check "in at most twenty lines" test "$lines" -le 20

start_example echo
# The example closes as soon as the peer does, so the echo is awaited first.
mkfifo "$WORK/in"
"$BIN" connect "localhost:$PORT" --insecure <>"$WORK/in" >"$WORK/out" 2>"$WORK/err" &
CLIENT=$!
PIDS+=("$CLIENT")
printf 'twenty lines\n' >"$WORK/in"
wait_for 10 grep -q 'twenty lines' "$WORK/out"
check "the example echoes" has "$WORK/out" '^twenty lines$'
kill "$CLIENT"
wait "$CLIENT" 2>/dev/null
printf '\n' >"$WORK/key"
wait "$SERVER_PID"
check "the example ends" equal $? 0

# Links between the documents.
cat >"$WORK/links.py" <<'END'
import os, re, sys
root, broken = sys.argv[1], []
names = [n for n in os.listdir(os.path.join(root, "docs")) if n.endswith(".md")]
for path in ["README.md", "CONTRIBUTING.md"] + ["docs/" + n for n in names]:
    text = open(os.path.join(root, path), encoding="utf-8").read()
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", re.sub(r"```.*?```", "", text, flags=re.S)):
        if "://" not in target and not os.path.exists(os.path.join(root, os.path.dirname(path), target)):
            broken.append("%s: %s" % (path, target))
print("\n".join(broken))
sys.exit(1 if broken else 0)
END
check "links lead somewhere" python3 "$WORK/links.py" "$SOURCE"
for document in "$SOURCE"/docs/*.md; do
    name=$(basename "$document")
    [ "$name" = README.md ] || check "docs/README.md leads to $name" has "$SOURCE/docs/README.md" "\\($name\\)"
done
finish
