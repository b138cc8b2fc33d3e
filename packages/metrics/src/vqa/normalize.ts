const NUMBERS = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];

const ARTICLES: ReadonlySet<string> = new Set(['a', 'an', 'the']);

/** Short forms whose spelling without the apostrophe is no other word ("its", "well" and "were" are, and stay). */
const CONTRACTIONS = [
  "ain't aren't can't couldn't didn't doesn't don't hadn't hasn't haven't isn't mightn't mustn't needn't oughtn't",
  "shan't shouldn't wasn't weren't won't wouldn't",
  "he's here's how's let's she's that's there's what's when's where's who's why's somebody's someone's something's",
  "could've might've must've should've they've we've who've would've you've i've",
  "he'd how'd it'd she'd that'd there'd they'd what'd where'd who'd why'd you'd",
  "how'll it'll somebody'll someone'll that'll there'll they'll what'll who'll you'll",
  "they're what're who're why're you're i'm ma'am o'clock y'all 'twas",
]
  .join(' ')
  .split(' ');

const words: ReadonlyMap<string, string> = new Map([
  ['none', '0'],
  ...NUMBERS.map((word, number) => [word, String(number)] as const),
  ...CONTRACTIONS.map((form) => [form.replaceAll("'", ''), form] as const),
]);

const PUNCTUATION = [...';/[]"{}()=+\\_-><@`,?!'];

/** Marks beside a space vanish, others become one; where a comma stands between digits all of them vanish. */
function punctuation(text: string): string {
  const thousands = /\d,\d/.test(text);
  let result = text;
  for (const mark of PUNCTUATION) {
    const beside = text.includes(`${mark} `) || text.includes(` ${mark}`);
    result = result.replaceAll(mark, thousands || beside ? '' : ' ');
  }
  return result.replace(/\.(?!\d)/g, '');
}

/**
 * An answer as the VQA evaluation compares it: lower case, without articles and punctuation, numbers up to ten as
 * digits, apostrophes put back into short forms (from a list of our own).
 */
export function normalizeAnswer(answer: string): string {
  return punctuation(answer.replace(/[\n\t]/g, ' ').trim())
    .toLowerCase()
    .split(/\s+/)
    .map((word) => words.get(word) ?? word)
    .filter((word) => word !== '' && !ARTICLES.has(word))
    .join(' ');
}
