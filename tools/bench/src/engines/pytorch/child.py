"""The process of PyTorch: answers questions, one line of JSON each, as serve.ts does for the others."""

import gc
import json
import sys
import time

import torch

from ops import prepare

WARM_UP = 0.3  # seconds


def timed(run):
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * 1e3


def warm_up(run):
    """-> the milliseconds of the first run"""
    end = time.perf_counter() + WARM_UP
    first = timed(run)
    while time.perf_counter() < end:
        run()
    return first


class Child:
    def __init__(self):
        self.run = None

    def versions(self, _):
        return {"versions": {"pytorch": torch.__version__}}

    def prepare(self, question):
        self.run = prepare(question["work"])
        return {"first": warm_up(self.run)}

    def sample(self, _):
        gc.collect()
        return {"ms": timed(self.run)}

    def memory(self, _):
        return {"heap": None}

    def done(self, _):
        self.run = None
        gc.collect()
        return {"ok": True}


def main():
    torch.set_num_threads(json.loads(sys.argv[1])["threads"])
    child = Child()
    for line in sys.stdin:
        question = json.loads(line)
        try:
            said = getattr(child, question["ask"])(question)
        except Exception as error:
            said = {"error": str(error).split("\n")[0]}
        print(json.dumps(said), flush=True)


main()
