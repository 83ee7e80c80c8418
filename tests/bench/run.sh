#!/usr/bin/env bash
# Times a fedwave binary: tests/bench/run.sh FEDWAVE [OPTIONS]; --help tells the options.
set -euo pipefail
[ $# -ge 1 ] || { echo "usage: $0 FEDWAVE [OPTIONS]" >&2; exit 1; }
FEDWAVE=$(realpath "$1")
shift
folder=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
export FEDWAVE PYTHONPATH="$folder/../integration" PYTHONDONTWRITEBYTECODE=1
exec /usr/bin/python3 "$folder/whole_process.py" "$@"
