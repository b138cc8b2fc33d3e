"""The process of PyTorch: answers questions, one line of JSON each, as serve.ts does for the others."""

import gc
import json
import sys
import time

import torch

from ops import prepare

WARM_UP = 300  # milliseconds


def timed(run):
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * 1e3


class Child:
    def __init__(self):
        self.run = None

    def versions(self, _):
        return {"versions": {"pytorch": torch.__version__}}

    def prepare(self, question):
        self.run = prepare(question["work"])
        return {"ok": True}

    def warm(self, _):
        left = WARM_UP
        while left > 0:
            left -= timed(self.run)
        return {"ok": True}

    def sample(self, _):
        gc.collect()
        before = time.process_time()
        ms = timed(self.run)
        return {"ms": ms, "cpu_ms": (time.process_time() - before) * 1e3}

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
