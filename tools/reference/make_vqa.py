"""Makes answers to questions, and their accuracies by the VQA evaluation script.

    python make_vqa.py --script lavis/common/vqa_tools/vqa_eval.py --out ../testing/fixtures/captions/vqa.json

The script is that of the package `salesforce-lavis` (`pip download salesforce-lavis --no-deps`).
"""

import argparse
import contextlib
import importlib.util
import io
import json
import random

random = random.Random(21)
WORDS = """yes no two 2 ten none zero the a an red Red RED. blue, dog dogs dont don't cant can't its it's wont youre
you're couldntve couldn't've hed've y'allll Im whats wheres t-shirt t shirt 1,000 1000 2.5 2,5 10:30 5'10 50% $5 (maybe) [x] "quoted"
left/right left right. black and white; black&white a.m. U.S. no! yes? ok - ok_ok x@y 1.2.3 … ... somebody'd shes theres
kitchen living-room living room नमस्ते café ２ १,२""".split()

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--script", required=True)
parser.add_argument("--out", required=True)
arguments = parser.parse_args()
spec = importlib.util.spec_from_file_location("vqa_eval", arguments.script)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)


class Answers:
    def __init__(self, qa):
        self.qa = qa

    def getQuesIds(self):
        return list(self.qa)


def answer():
    return " ".join(random.choice(WORDS) for _ in range(random.choice([1, 1, 1, 2, 3])))


questions = [{"answer": "two", "people": ["two"] * 10}, {"answer": "2", "people": ["two"] * 10}]
for _ in range(300):
    pool = [answer() for _ in range(random.randint(1, 5))]
    people = [random.choice(pool) for _ in range(10)]
    given = random.choice(pool + [answer(), pool[0].upper(), f"the {pool[0]}.", pool[0].replace("'", "")])
    questions.append({"answer": given, "people": people})
for question in questions:
    people = [{"answer": text, "answer_id": i} for i, text in enumerate(question["people"])]
    truth = Answers({0: {"answers": people, "question_type": "x", "answer_type": "y"}})
    evaluation = module.VQAEval(truth, Answers({0: {"answer": question["answer"]}}), n=12)
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation.evaluate()
    question["normalized"] = evaluation.processDigitArticle(evaluation.processPunctuation(question["answer"].strip()))
    question["accuracy"] = evaluation.accuracy["overall"] / 100
with open(arguments.out, "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(question, ensure_ascii=False) for question in questions) + "\n]\n")
