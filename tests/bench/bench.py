#!/usr/bin/python3
"""What fedwave costs: ./dev bench runs this. See docs/performance.md.

The environment names what is timed: FEDWAVE, the program; FEDWAVE_BUILD, the build folder with the
bench programs; FEDWAVE_COUNTED_BUILD, the one whose instructions are counted.
"""
import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile

for needed in ("FEDWAVE", "FEDWAVE_BUILD", "FEDWAVE_COUNTED_BUILD"):
    if not os.access(os.environ.get(needed, ""), os.X_OK):
        sys.exit(f"bench: {needed} does not name what is to be timed; run it by ./dev bench")

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))

import compare  # noqa: E402
import download  # noqa: E402
import instructions  # noqa: E402
import kernels  # noqa: E402
import transform  # noqa: E402
import whole_process  # noqa: E402
from report import Wrong, clear_progress  # noqa: E402
from support import fedwave  # noqa: E402

SECTIONS = {"transform": transform, "kernels": kernels, "process": whole_process, "download": download,
            "instructions": instructions}


def title_of(section):
    return section.__doc__.partition("\n\n")[0].replace("\n", " ")


def arguments():
    parser = argparse.ArgumentParser(
        prog="./dev bench", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Times fedwave on pages of a made-up mesh, section by section.",
        epilog="sections:\n" + "\n".join(f"  {name:13} {title_of(section)}"
                                         for name, section in SECTIONS.items()))
    parser.add_argument("sections", nargs="*", metavar="SECTION", help="default: all of them")
    parser.add_argument("--quick", action="store_true", help="small pages and few rounds: a look, no figures")
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    parser.add_argument("--compare", metavar="OLD.json",
                        help="set the figures beside those of a run before")
    parser.add_argument("--record", action="store_true",
                        help="with instructions: these are the counts to hold from now on")
    options = parser.parse_args()
    unknown = [name for name in options.sections if name not in SECTIONS]
    if unknown:
        parser.error(f"there is no section {unknown[0]!r}; there are {', '.join(SECTIONS)}")
    options.sections = list(dict.fromkeys(options.sections)) or list(SECTIONS)
    if options.json:  # minutes before it is needed
        try:
            with open(options.json, "a", encoding="utf-8"):
                pass
        except OSError as error:
            parser.error(f"cannot write {options.json}: {error.strerror}")
    if options.record and "instructions" not in options.sections:
        parser.error("--record is for the section instructions")
    return options


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return "unknown"


def run_sections(options):
    rows = {}
    with tempfile.TemporaryDirectory(prefix="fedwave-bench-") as folder:
        for name in options.sections:
            print(f"\n{name}: {title_of(SECTIONS[name])}\n", flush=True)
            rows[name] = [row._asdict() for row in SECTIONS[name].run(options, folder)]
    return rows


def main():
    options = arguments()
    old = compare.load(options.compare) if options.compare else None
    version = subprocess.run([fedwave.FEDWAVE, "--version"], stdout=subprocess.PIPE, text=True,
                             check=True).stdout.strip()
    load = os.getloadavg()[0]
    print(f"{version} on {os.cpu_count()} x {cpu_model()}, load {load:.1f} before the start", flush=True)
    report = {"fedwave": version, "cpu": cpu_model(), "quick": options.quick, "load": load,
              "sections": run_sections(options)}
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=1)
            file.write("\n")
    if old is not None:
        print()
        compare.show(old, report)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that our processes end with us
    try:
        main()
    except (Wrong, AssertionError) as error:
        clear_progress()
        raise SystemExit(f"bench: {error}") from None
    except KeyboardInterrupt:
        clear_progress()
        raise SystemExit(130) from None
