"""Makes the ids that Python's `tokenizers` gives for texts of several scripts, also with other flags of the added tokens.

    python make_tokens.py --fixtures ../testing/fixtures

Writes `tokens.json`: for each tokenizer and set of flags, texts with their ids, without and with special tokens.
"""

import argparse
import json
import random
from pathlib import Path

from tokenizers import Tokenizer

random = random.Random(31)
PIECES = (
    "a photo of the cat's dog running, near 2 Houses! it's I'm they've 1,000 50% (x) <image> </s> <s> <pad> [CLS] [SEP] [MASK] "
    "[DEC] <unk> ▁ Ġ ##s नमस्ते สวัสดี 你好世界 日本語 한국어 привет мир مرحبا שלום café cafe\u0301 ﬁ ½ ² ／ ＡＢＣ 😀 👍🏽 ☕ "
    "\u00a0 \u3000 \t \n \x00 \x7f \u00ad İ ß Σς '' `` … – “x” ’s $5 @x #y http://a.b/c?d=e"
).split(" ")
FLAGS = [{}, {"lstrip": True}, {"rstrip": True}, {"lstrip": True, "rstrip": True}, {"normalized": True}]


def text():
    between = random.choice(["", " ", " ", "  "])
    return between.join(random.choice(PIECES) for _ in range(random.randint(0, 7)))


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--fixtures", required=True, type=Path)
fixtures = parser.parse_args().fixtures
sets = []
for folder in ("hf-opt", "hf-itm", "hf-t5"):
    file = json.loads((fixtures / folder / "tokenizer.json").read_text())
    for flags in FLAGS:
        for token in file["added_tokens"]:
            token.update({"lstrip": False, "rstrip": False, "normalized": False, **flags})
        tokenizer = Tokenizer.from_str(json.dumps(file))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        cases = []
        for _ in range(40):
            one = text()
            cases.append([one, tokenizer.encode(one, add_special_tokens=False).ids, tokenizer.encode(one).ids])
        sets.append({"folder": folder, "flags": flags, "cases": cases})
lines = ",\n".join(json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in sets)
(fixtures / "tokens.json").write_text(f"[\n{lines}\n]\n")
