"""How the time of a member's step falls with the number of members beside it: what autoproc/network/costs.py estimates.

    python -m benchmarks.slots

Prints a JSON line a shape: processor microseconds of a member's step for so many members in one stack (the best of some
epochs, evaluation included), the estimate of the constants, and the slots that follow from it. One thread.
"""

import argparse
import json
import time
from threading import Event

import torch

from autoproc.data.metrics import METRICS
from autoproc.network.costs import Costs
from autoproc.network.fold_data import FoldData
from autoproc.network.stack import Stack
from benchmarks.contenders import LAYOUT, K, Problem, Shape

SHAPES = ("1000,64,2,64", "1000,128,3,256", "5000,128,2,128", "5000,256,3,256", "20000,512,3,512")
MEMBERS = (1, 2, 3, 5, 8, 12, 20, 40)
EPOCHS = 4


def curve(shape: Shape, members: tuple[int, ...]) -> dict[str, object]:
    """Measured and estimated microseconds of one shape."""
    problem = Problem.of(shape.rows)
    cpu = torch.device("cpu")
    data = FoldData(problem.matrix, problem.targets, LAYOUT, problem.folds, "binary", 0, cpu)
    network = shape.candidates[0].network
    costs = Costs.of(network, shape.batch, 1, data)
    stacks = [Stack(costs, data, METRICS["log_loss"], n, Event()) for n in members]
    for stack, n in zip(stacks, members, strict=True):
        for number in range(n):
            stack.add(number, shape.candidates[number % shape.n_trials].train, [number % K])
    best = [float("inf")] * len(members)
    n_steps = -(-data.n_train_rows // shape.batch)
    for epoch in range(EPOCHS + 1):  # the first one reserves memory
        for i, (stack, n) in enumerate(zip(stacks, members, strict=True)):
            started = time.process_time()
            stack.train_epoch()
            if epoch:
                best[i] = min(best[i], 1e6 * (time.process_time() - started) / n / n_steps)
    return {
        "shape": [shape.rows, shape.width, shape.depth, shape.batch],
        "microseconds": dict(zip(members, map(round, best), strict=True)),
        "estimate": round(1e6 * costs.step_seconds),
        "slots": costs.slots,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", nargs="+", default=SHAPES, metavar="ROWS,WIDTH,DEPTH,BATCH")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    for numbers in asked.shapes:
        shape = Shape(*map(int, numbers.split(",")), epochs=EPOCHS + 1)
        members = MEMBERS if shape.width < 512 else MEMBERS[:5]
        print(json.dumps(curve(shape, members)), flush=True)


if __name__ == "__main__":
    main()
