#!/usr/bin/env bash
# `make docs`, where there is doxygen: no warning, and a page for each function, in HTML and for man.
set -u -o pipefail
SOURCE=${DORMOUSE_SOURCE:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
command -v doxygen >/dev/null || {
    echo "skipped: there is no doxygen here"
    exit 77
}
WORK=$(mktemp -d "${TMPDIR:-/tmp}/dormouse-docs-XXXXXX")
trap 'rm -rf "$WORK"' EXIT
failures=0
fail() { failures=$((failures + 1)) && echo "FAILED: $*"; }

"$SOURCE/docs/reference/make.py" "$WORK" || exit 1
functions=$(sed -nE 's/^DOR_API .*\b(dor_\w+)\(.*/\1/p' "$SOURCE"/api/include/dormouse/*.h | sort -u)
[ "$(printf '%s\n' "$functions" | wc -l)" -gt 150 ] || fail "the functions are not found"
for function in $functions; do
    grep -q "memname.*$function" "$WORK/html/$function.html" || fail "no page of its own: $function"
    grep -q "^.BI \".*$function(" "$WORK/man/man3/$function.3" || fail "no man page: $function"
done
for header in "$SOURCE"/api/include/dormouse/*.h; do
    name=$(basename "$header" .h)
    [ -s "$WORK/html/group__$name.html" ] || fail "no page for $name.h"
    [ -s "$WORK/man/man3/dormouse_$name.3" ] || fail "no man page for $name.h"
    grep -q "group__$name.html" "$WORK/html/modules.html" || fail "the list of headers has no $name.h"
done
broken=$(grep -oh 'href="[^"#:]*\.html' "$WORK"/html/dor_*.html "$WORK/html/index.html" | sed 's/href="//' | sort -u |
    while read -r page; do [ -e "$WORK/html/$page" ] || echo "$page"; done)
[ -z "$broken" ] || fail "links lead nowhere:" $broken
if command -v nroff >/dev/null; then
    for page in "$WORK"/man/man3/*.3; do
        [ -z "$(nroff -man -ww "$page" 2>&1 >/dev/null)" ] || fail "$(basename "$page") is not well formed"
    done
fi
[ "$failures" = 0 ]
