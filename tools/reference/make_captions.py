"""Makes captions in several scripts, and what `pycocoevalcap` with its Java tokenizer gives for them.

    python make_captions.py --out ../testing/fixtures/captions/pycocoevalcap.json

Needs `pip install pycocoevalcap` and Java 8 or later. Each image has a candidate and four references; `tokens` are those of
the candidate and then of the references, `cider` and `rougeL` the image's scores. Scores of all images are at the top level.
"""

import argparse
import json
import os
import random

os.environ["JAVA_TOOL_OPTIONS"] = "-Dfile.encoding=UTF-8 -Dstdout.encoding=UTF-8"

from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

random = random.Random(20)

# Subjects, actions and places in each script, combined freely: what they mean together does not matter.
SCRIPTS = {
    "english": (
        ["A man", "two dogs", "the woman's cat", "Mr. Smith", "someone who isn't tired", "a 3-year-old child", "Dr. Lee's team"],
        ["can't reach", "is gonna eat", "cannot see", "wants to ride", "won't share", "didn't notice", "they've painted"],
        ["a red & white bus.", "the \"big\" table", "an ice-cream cone (with nuts)", "50% of the pizza!", "it at 10:30 a.m.",
         "a $5.99 toy, somewhere", "1,000 birds in the U.S.", "1/2 cup of tea; then more", "the rock 'n' roll band"],
    ),
    "accents": (
        ["Une fille", "El niño", "Das größte Mädchen", "un cafe\u0301 crème", "nai\u0308ve tourists", "Øyvind", "l'homme"],
        ["mange", "está comiendo", "läuft über", "dans", "près de", "¿dónde está", "regarde"],
        ["l'eau à côté de la fenêtre.", "la mañana «azul»", "die Straße – schnell", "un château d'été…", "œufs & crêpes"],
    ),
    "hindi": (
        ["एक कुत्ता", "दो बच्चे", "यह औरत", "५ पक्षी", "बूढ़ा आदमी"],
        ["खेल रहा है", "देख रही है", "नहीं खाता", "दौड़ते हैं"],
        ["घर के पास।", "बगीचे में, सुबह", "\"लाल\" गाड़ी", "पानी (ठंडा)"],
    ),
    "thai": (
        ["สุนัขตัวหนึ่ง", "เด็กสองคน", "ผู้หญิง", "แมว ๓ ตัว"],
        ["กำลังวิ่ง", "นั่งอยู่", "ไม่ได้กิน", "เล่นน้ำ"],
        ["ในสวน", "บนโต๊ะสีแดง.", "ที่ชายหาด 10:30", "ใกล้บ้าน"],
    ),
    "cyrillic and greek": (
        ["собака", "две девочки", "Ένας σκύλος", "η γυναίκα", "мужчина"],
        ["сидит на", "не ест", "τρέχει σε", "βλέπει", "играют"],
        ["столе.", "траве, утром", "το δρόμο·", "«большой» машине", "νερό;"],
    ),
    "east asian": (
        ["一只狗", "两个孩子", "女の人が", "강아지가", "猫 2 匹"],
        ["在跑", "を見る", "앉아 있다", "吃着"],
        ["公园里。", "テーブルの上、朝", "나무 아래", "「赤い」車！"],
    ),
    "right to left and others": (
        ["كلب", "ילד", "ஒரு நாய்", "একটি কুকুর", "ਇੱਕ ਕੁੱਤਾ"],
        ["يجري", "רץ ליד", "ஓடுகிறது", "খেলছে", "ਖੇਡਦਾ"],
        ["في الحديقة،", "הבית.", "தோட்டத்தில்", "১২টি গাছ", "ਪਾਣੀ ਵਿੱਚ"],
    ),
}
ODDITIES = [
    "", "", "", "", "AT&T's sign", "r&b `music`", "{curly} [square] (round)", "it's 5'10\" tall", "#1 fan @ home", "gotta go - now",
    "lemme -- see ...", "what?! no!!", "'tis o'clock", "y'all’s don’t", "“quoted” ‘words’", "3.5km, 5kg", "5 £3 €4 2¢ ¥9",
    "½ or 1 1/2 or 3/4", "1980s and '90s", "e.g. this, i.e. that etc.", "Ph.D. vs. M.D.", "http://a.example/b?c=d",
    "photo.jpg by me@x.org", "<b>bold</b> &amp; :-)", "555-1234 or (555) 123-4567", "a*b = c + d / e_f ~ g", "☕ 😀 ❤️ ™ 5°C",
    "well-known up-to-date state-of-the-art", "wanna gimme gonna", "no. 5 in fig. 3 here", "St. John Ave. Inc. here",
    "x\u00a0y soft\u00adhyphen", "100 200 300 people", "12/25/2010", "-5 to +7.5", "% alone $ alone",
]


def sentence(parts):
    return " ".join(random.choice(part) for part in parts)


def caption(parts):
    text = sentence(parts)
    oddity = random.choice(ODDITIES)
    text = random.choice([f"{text} {oddity}", f"{oddity} {text}", f"{text}, {oddity}"]) if oddity else text
    return text.strip() + " ok"


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", required=True)
arguments = parser.parse_args()

names = list(SCRIPTS)
images = [[caption(SCRIPTS[names[i % len(names)] if i % 2 else "english"]) for _ in range(5)] for i in range(105)]
for captions in images[::9]:
    captions[0] = captions[1]  # some captions are right
tokenizer = PTBTokenizer()
tokenized = tokenizer.tokenize({i: [{"caption": text} for text in captions] for i, captions in enumerate(images)})
candidates = {i: tokens[:1] for i, tokens in tokenized.items()}
references = {i: tokens[1:] for i, tokens in tokenized.items()}
cider, ciders = Cider().compute_score(references, candidates)
rouge, rouges = Rouge().compute_score(references, candidates)
bleu, _ = Bleu(4).compute_score(references, candidates, verbose=0)
result = {
    "cider": float(cider),
    "rougeL": float(rouge),
    "bleu": [float(score) for score in bleu],
    "images": [
        {"captions": captions, "tokens": tokenized[i], "cider": float(ciders[i]), "rougeL": float(rouges[i])}
        for i, captions in enumerate(images)
    ],
}
with open(arguments.out, "w") as file:
    lines = ",\n".join(json.dumps(image, ensure_ascii=False) for image in result.pop("images"))
    head = json.dumps(result)[:-1]
    file.write(f'{head}, "images": [\n{lines}\n]}}\n')
