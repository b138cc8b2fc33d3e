"""Makes small files as `torch.save` writes them, in both of its formats, and what is in them.

    python make_torch.py --out ../testing/fixtures/torch

`zip.pth` and `legacy.pth` hold one checkpoint laid out as LAVIS' are: a model of tensors of many kinds beside the state of an
optimiser and plain values. `state.pth` is the bare `state_dict()` of a module, `protocol4.pth` the same with a newer pickle.
`golden.json` has the names, dtypes, shapes and values of the model's tensors.
"""

import argparse
import json
from pathlib import Path

import torch

KINDS = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


def tensors():
    """Tensors by name: every dtype, and every way to lie in a storage."""
    made = {}
    for name, dtype in KINDS.items():
        made[f"kinds.{name}"] = torch.tensor([[0, 1, 3], [1, 5, 9]]).to(dtype)
    made["kinds.fraction"] = torch.tensor([0.1, -2.75, 1e-3, 65504.0]).to(torch.float16)
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    made["views.base"] = base
    made["views.transposed"] = base.t()
    made["views.rows"] = base[1:3]
    made["views.columns"] = base[:, 1::2]
    made["views.turned"] = base.reshape(2, 2, 6).permute(2, 0, 1)
    made["views.repeated"] = torch.tensor([[1.5], [2.5]]).expand(2, 3)
    made["shapes.scalar"] = torch.tensor(0.07)
    made["shapes.empty"] = torch.zeros(0, 3)
    made["shapes.one"] = torch.tensor([7.0])
    made["parameter"] = torch.nn.Parameter(torch.tensor([1.0, -1.0]))
    made["tied"] = made["parameter"]
    made["__proto__"] = torch.tensor([3.0])
    return made


def checkpoint(model):
    """What LAVIS' runner saves beside the model: all plain."""
    state = {0: {"step": torch.tensor(3.0), "exp_avg": torch.ones(2), "exp_avg_sq": torch.ones(2)}}
    return {
        "model": model,
        "optimizer": {"state": state, "param_groups": [{"lr": 1e-4, "betas": (0.9, 0.98), "params": [0]}]},
        "config": {"run": {"task": "pretrain", "amp": True, "seed": 2**40, "dist_url": "env://"}, "model": {"arch": None}},
        "scaler": {"scale": 65536.0, "_growth_tracker": 0},
        "extra": [b"bytes \xff", {1, 2}, torch.Size([2, 3]), torch.float16, torch.device("cpu"), -(2**70), "\u00e9\U0001f600"],
        "epoch": 3,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    model = tensors()
    saved = checkpoint(model)
    torch.save(saved, out / "zip.pth")
    torch.save(saved, out / "legacy.pth", _use_new_zipfile_serialization=False)
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    state = module.state_dict()
    torch.save(state, out / "state.pth", _use_new_zipfile_serialization=False)
    torch.save(state, out / "protocol4.pth", pickle_protocol=4)
    untyped = {"u16": torch.tensor([1, 65535], dtype=torch.uint16), "f8": torch.tensor([1.0], dtype=torch.float8_e4m3fn)}
    torch.save(untyped, out / "untyped.pth")

    def told(named):
        names = {dtype: name for name, dtype in KINDS.items()}
        return {
            name: {
                "dtype": names[tensor.dtype],
                "shape": list(tensor.shape),
                "values": tensor.detach().to(torch.float64).flatten().tolist(),
            }
            for name, tensor in named.items()
        }

    golden = {"torch": torch.__version__, "model": told(model), "state": told(state)}
    (out / "golden.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
