#!/usr/bin/env bash
# Installs into an empty directory and uses what is there as somebody else would: through pkg-config and through CMake,
# shared and static, from C and C++. Looks at the symbols that the libraries show.
set -euo pipefail

if [ -n "${DORMOUSE_SANITIZE:-}" ]; then
    echo "a sanitized library needs the sanitizer's flags in its users"
    exit 77
fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
    echo "FAIL: $*"
    exit 1
}

DESTDIR=$work/staged cmake --install "$DORMOUSE_BUILD" --prefix /opt/dormouse >/dev/null
prefix=$work/moved # the tree may be moved
mv "$work/staged/opt/dormouse" "$prefix"
pc=$(find "$prefix" -name dormouse.pc)
lib=$(dirname "$(dirname "$pc")")
export PKG_CONFIG_PATH=${pc%/*}${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH} LD_LIBRARY_PATH=$lib
flags=(-std=c11 -Wall -Wextra -Wconversion -Wshadow -pedantic -Werror)

echo "-- complete: what the code calls and what the headers declare is in the libraries"
called=$(nm -u "$lib/libdormouse.a" 2>/dev/null | awk '{print $2}' | grep '^dor_' | sort -u || true)
declared=$(cat $(find "$prefix/include" -name '*.h') | tr '\n' ' ' | grep -oE 'DOR_API [^;]*' |
    grep -oE 'dor_[a-z0-9_]+\(' | tr -d '(' | sort -u)
exported=$(nm -D --defined-only "$lib/libdormouse.so" | awk '{print $3}' | sed 's/@.*//' | sort -u)
lacking=$(echo $called $(comm -23 <(echo "$declared") <(echo "$exported")))
if [ -n "$lacking" ]; then
    echo "called or declared, and not in the libraries: $lacking"
    exit 1
fi

echo "-- pkg-config"
cc "${flags[@]}" "$here/consumer.c" $(pkg-config --cflags --libs dormouse) -o "$work/shared"
"$work/shared"
cc "${flags[@]}" "$here/consumer.c" $(pkg-config --cflags dormouse) "$lib/libdormouse.a" \
    $(pkg-config --static --libs dormouse | sed 's/-ldormouse//') -o "$work/static"
env -u LD_LIBRARY_PATH "$work/static"

echo "-- CMake"
cmake -S "$here" -B "$work/build" -DCMAKE_PREFIX_PATH="$prefix" >"$work/log" 2>&1 &&
    cmake --build "$work/build" >>"$work/log" 2>&1 || {
    cat "$work/log"
    fail "the CMake package"
}
"$work/build/shared"
"$work/build/static"

echo "-- each public header stands alone, in C and in C++"
(cd "$prefix/include" && find . -name '*.h') | while read -r header; do
    printf '#include <%s>\n' "${header#./}" >"$work/one.c"
    cc "${flags[@]}" -I"$prefix/include" -c "$work/one.c" -o "$work/one.o" || fail "$header in C"
    if command -v c++ >/dev/null; then
        c++ -std=c++17 -Wall -Wextra -pedantic -Werror -I"$prefix/include" -x c++ -c "$work/one.c" -o "$work/one.o" ||
            fail "$header in C++"
    fi
done

echo "-- symbols"
strange=$(nm -D --defined-only "$lib/libdormouse.so" | awk '{print $3}' | grep -vE '^(dor_[a-z0-9][a-z0-9_]*|DORMOUSE_)' || true)
[ -z "$strange" ] || fail "libdormouse.so exports $strange"
strange=$(nm -g --defined-only "$lib/libdormouse.a" 2>/dev/null | awk 'NF == 3 {print $3}' | grep -vE '^dor_[a-z0-9]' || true)
[ -z "$strange" ] || fail "libdormouse.a has the global symbols $strange"
echo "installed tree is fine"
