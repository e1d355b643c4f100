#!/bin/sh
# Runs BoringSSL's black-box runner against our shim and counts. Neither the runner nor its sources are ours; see
# docs/conformance.md for where they come from.
#
#   tests/bogo/run.sh RUNNER SOURCE [RUNNER'S OPTIONS]
#
#   RUNNER   the built runner (go test -c in SOURCE)
#   SOURCE   the folder ssl/test/runner of a BoringSSL checkout: the runner wants to be started there
#
# SHIM is another shim than build/tests/bogo_shim, JOBS how many cases run at once, REPORT where the runner's JSON goes.
# Exits with 1 when a case failed. Cases that the shim answers with 89 are counted as unimplemented.
set -eu
[ $# -ge 2 ] || { sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 2; }
runner=$(realpath "$1") source=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
shim=$(realpath "${SHIM:-$here/../../build/tests/bogo_shim}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
report=$(realpath -m "${REPORT:-$work/report.json}")
cd "$source"
run() # SHIM REPORT [OPTIONS]: exit codes say less than the report
{
    run_shim=$1 run_report=$2
    shift 2
    "$runner" -shim-path "$run_shim" -shim-config "$here/config.json" -num-workers "${JOBS:-2}" -allow-unimplemented \
        -pipe -json-output "$run_report" "$@" >"$work/log" 2>&1 || true
}
# All cases that there are, by a shim that can do nothing.
printf '#!/bin/sh\n[ "$1" = -is-handshaker-supported ] && echo No && exit 0\nexit 89\n' >"$work/nothing"
chmod +x "$work/nothing"
run "$work/nothing" "$work/all.json" "$@" -include-disabled
run "$shim" "$report" "$@"
[ -s "$report" ] || { cat "$work/log"; exit 2; }
grep '^FAILED (' "$work/log" || true
[ -z "${LOG:-}" ] || cp "$work/log" "$LOG"
python3 "$here/count.py" "$here/config.json" "$work/all.json" "$report"
