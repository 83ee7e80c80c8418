"""The inner loops by themselves: kernels_bench, a Google Benchmark program."""
import json
import os
import subprocess

from report import Row, Table, progress, require

PROGRAM = os.path.join("tests", "bench", "kernels_bench")  # in the build folder
QUICK_S = 0.05  # of each kernel
NS_PER = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}


def row_of(benchmark):
    figures = {"ns": benchmark["cpu_time"] * NS_PER[benchmark["time_unit"]]}
    if "bytes_per_second" in benchmark:
        figures["gb_per_s"] = benchmark["bytes_per_second"] / 1e9
    return Row(benchmark["name"], figures)


def run(options, _folder):
    progress("kernels")
    program = os.path.join(os.environ["FEDWAVE_BUILD"], PROGRAM)
    quick = [f"--benchmark_min_time={QUICK_S}"] if options.quick else []
    done = subprocess.run([program, "--benchmark_format=json", *quick], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)
    require(done.returncode == 0, f"{program} failed:\n{done.stderr}")
    benchmarks = json.loads(done.stdout)["benchmarks"]
    for benchmark in benchmarks:
        require(not benchmark.get("error_occurred"),
                f"{benchmark['name']}: {benchmark.get('error_message')}")
    rows = [row_of(benchmark) for benchmark in benchmarks if benchmark["run_type"] == "iteration"]
    table = Table(("kernel", -max(len(row.name) for row in rows)), ("ns", 14), ("GB/s", 8))
    for row in rows:
        speed = row.figures.get("gb_per_s")
        table.add(row.name, f"{row.figures['ns']:,.1f}", f"{speed:.2f}" if speed else "")
    return rows
