const NUMBERS = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];
const numbers: ReadonlyMap<string, string> = new Map([
  ['none', '0'],
  ...NUMBERS.map((word, number) => [word, String(number)] as const),
]);

const ARTICLES: ReadonlySet<string> = new Set(['a', 'an', 'the']);

const CONTRACTIONS = [
  "ain't aren't can't couldn't didn't doesn't don't hadn't hasn't haven't isn't mightn't mustn't needn't oughtn't shan't",
  "shouldn't wasn't weren't won't wouldn't could've might've must've not've should've they've we've what've where've who've",
  "would've you've he'd how'd it'd someone'd something'd there'd they'd where'd who'd you'd how'll it'll somebody'll",
  "someone'll something'll they'll what'll who'll why'll you'll there're they're what're why're you're he's how's somebody's",
  "someone's that's there's what's when's where's who's why's ma'am o'clock y'all 'twas 'ow's'at couldn't've hadn't've",
  "mightn't've shouldn't've wouldn't've he'd've it'd've she'd've somebody'd've someone'd've something'd've there'd've",
  "they'd've we'd've who'd've you'd've y'all'll y'all'd've",
].flatMap((line) => line.split(' '));

/** Contractions by their spellings without one of their apostrophes. */
const contractions: ReadonlyMap<string, string> = new Map([
  ...CONTRACTIONS.flatMap((form) =>
    [...form.matchAll(/'/g)].map(({ index }) => [form.slice(0, index) + form.slice(index + 1), form] as const),
  ),
  ["somebody'd", 'somebodyd'], // as in the script
]);

const PUNCTUATION = [...';/[]"{}()=+\\_-><@`,?!'];
/** The script passes a flag where Python expects a count. */
const MOST_PERIODS = 32;

/**
 * Removes punctuation as the VQA evaluation script does: marks beside a space vanish, others become a space; where a comma
 * is between digits, all vanish. Periods vanish unless a digit follows.
 */
export function removePunctuation(answer: string): string {
  const thousands = /\p{Nd},\p{Nd}/u.test(answer);
  let result = answer;
  for (const mark of PUNCTUATION) {
    const beside = answer.includes(`${mark} `) || answer.includes(` ${mark}`);
    result = result.replaceAll(mark, thousands || beside ? '' : ' ');
  }
  let periods = 0;
  return result.replace(/\.(?!\p{Nd})/gu, (period) => (periods++ < MOST_PERIODS ? '' : period));
}

/** Replaces line breaks and tabs by spaces and trims. */
export const trimAnswer = (answer: string): string => answer.replace(/[\n\t]/g, ' ').trim();

/**
 * Normalizes an answer as the VQA evaluation script does with a model's answers: lower case, without punctuation and
 * articles, numbers up to ten as digits, and with the apostrophes of contractions.
 */
export function normalizeAnswer(answer: string): string {
  return removePunctuation(trimAnswer(answer))
    .toLowerCase()
    .split(/\s+/)
    .map((word) => numbers.get(word) ?? word)
    .filter((word) => word !== '' && !ARTICLES.has(word))
    .map((word) => contractions.get(word) ?? word)
    .join(' ');
}
