"""How fast networks train: autoproc's engine against a bare loop of torch, skorch and Lightning.

    python -m benchmarks.throughput                      all shapes, median of 5, under 10 minutes on two cores
    python -m benchmarks.throughput --shapes 1000,64,2,64,3 --repeats 3 --contenders 'bare loop'

Each contender is a process of its own that waits while another works; they take turns, so that what else the machine
does meets them all alike. Times are medians; ratios are medians of the turns' ratios. Processor time is compared on one
thread each. Wall time is that of the others on their one core against autoproc on all cores: two processes of theirs
would halve it on two cores. The GEMM rate counts autoproc's matrix products alone, by processor second of one thread,
against the best of large products of torch in the same turn. Prints a JSON line a shape, or a Markdown table.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from statistics import median
from typing import Any

SHAPES = ("1000,64,2,64,4", "1000,128,3,256,4", "5000,128,2,128,1", "5000,256,3,256,1", "20000,512,3,512,1,1")
OTHERS = ("bare loop", "skorch", "Lightning")
ONE_CORE, ALL_CORES = "autoproc", "autoproc, all cores"
WARM_UP = "200,8,1,32,1,1"
_GEMM_SIZE, _GEMM_SECONDS = 1024, 0.3


def work() -> None:
    """The process of one contender: for each shape on a line of standard input a line of what it took."""
    import torch

    from benchmarks.contenders import Shape, n_flops, prepare

    for line in sys.stdin:
        contender, _, numbers = line.strip().partition(":")
        shape = Shape(*map(int, numbers.split(",")))
        train = prepare(contender, shape)
        peak = gemm_peak(torch)
        cpu, wall = time.process_time(), time.perf_counter()
        loss = train()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        told = {"cpu": cpu, "wall": wall, "loss": loss, "gflops": n_flops(shape) / cpu / 1e9, "peak": peak}
        print(json.dumps(told), flush=True)


def gemm_peak(torch: Any) -> float:
    """GFLOP a second of one core in the best of some large products."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    left, right = torch.rand(2, _GEMM_SIZE, _GEMM_SIZE)
    best, until = 0.0, time.perf_counter() + _GEMM_SECONDS
    while time.perf_counter() < until:
        started = time.perf_counter()
        torch.mm(left, right)
        best = max(best, 2 * _GEMM_SIZE**3 / (time.perf_counter() - started) / 1e9)
    torch.set_num_threads(threads)
    return best


@contextmanager
def worker() -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "benchmarks.throughput", "--work"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        assert process.stdin
        process.stdin.close()


def ask(process: "subprocess.Popen[str]", contender: str, shape: str) -> dict[str, float]:
    assert process.stdin
    assert process.stdout
    process.stdin.write(f"{contender}:{shape}\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"{contender} gave up on {shape}: see its error above")
    return dict(json.loads(line))


def measure(shape: str, contenders: Sequence[str], workers: Sequence[Any], repeats: int) -> dict[str, Any]:
    """The medians of one shape."""
    turns = [
        {name: ask(process, name, shape) for name, process in zip(contenders, workers, strict=True)}
        for _ in range(repeats)
    ]
    result: dict[str, Any] = {"shape": shape, "repeats": repeats}
    for name in contenders:
        result[name] = {key: median(turn[name][key] for turn in turns) for key in ("cpu", "wall", "loss")}
        for time_of, own in (("cpu", ONE_CORE), ("wall", ALL_CORES)) if name in OTHERS else ():
            ratios = [turn[name][time_of] / turn[own][time_of] for turn in turns]
            result[name][f"{time_of}_ratio"] = median(ratios)
            result[name][f"{time_of}_ratio_range"] = [min(ratios), max(ratios)]
    result["gflops"] = median(turn[ONE_CORE]["gflops"] for turn in turns)
    result["gemm_share"] = median(turn[ONE_CORE]["gflops"] / turn[ONE_CORE]["peak"] for turn in turns)
    return result


def header(contenders: Sequence[str]) -> str:
    others = [name for name in contenders if name in OTHERS]
    titles = [
        "rows, width, depth, batch",
        "autoproc, CPU s",
        *(f"{name}: CPU, wall" for name in others),
        "GEMM, of peak",
    ]
    return f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}"


def line(result: dict[str, Any], contenders: Sequence[str]) -> str:
    ratios = [
        f"{result[name]['cpu_ratio']:.1f}x, {result[name]['wall_ratio']:.1f}x" for name in contenders if name in OTHERS
    ]
    shape = ", ".join(result["shape"].split(",")[:4])
    cells = [
        shape,
        f"{result[ONE_CORE]['cpu']:.2f}",
        *ratios,
        f"{result['gflops']:.0f} GF/s, {result['gemm_share']:.0%}",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shape = "ROWS,WIDTH,DEPTH,BATCH,EPOCHS[,TRIALS]"
    parser.add_argument("--shapes", nargs="+", default=SHAPES, metavar=shape, help=f"default: {' '.join(SHAPES)}")
    parser.add_argument("--contenders", nargs="+", default=OTHERS, choices=OTHERS)
    parser.add_argument("--repeats", type=int, default=5, help="turns of each contender (default: 5)")
    parser.add_argument("--markdown", action="store_true", help="print the lines of a Markdown table")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.work:
        work()
        return
    contenders = [ONE_CORE, ALL_CORES, *asked.contenders]
    with ExitStack() as stack:
        workers = [stack.enter_context(worker()) for _ in contenders]
        for name, process in zip(contenders, workers, strict=True):
            ask(process, name, WARM_UP)
        if asked.markdown:
            print(header(contenders), flush=True)
        for shape in asked.shapes:
            result = measure(shape, contenders, workers, asked.repeats)
            print(line(result, contenders) if asked.markdown else json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
