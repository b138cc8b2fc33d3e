import { rules } from './rules.js';

/** Tokens that the COCO caption evaluation leaves out. Brackets are not among them: they were meant to be, in capitals. */
const PUNCTUATION: ReadonlySet<string> = new Set([
  "''",
  "'",
  '``',
  '`',
  '.',
  '?',
  '!',
  ',',
  ':',
  '-',
  '--',
  '...',
  ';',
]);

/** A plain word before a space, which no rule but those for contractions treats otherwise. */
const PLAIN_WORD = /[A-Za-z]+(?=[ \n])/y;
const CONTRACTIONS: ReadonlySet<string> = new Set(['cannot', 'gonna', 'gotta', 'lemme', 'gimme', 'wanna']);
const LINE_BREAKS = /[\n\r\v\f\u0085\u2028\u2029]/g;

/**
 * Splits a text into tokens as `PTBTokenizer -lowerCase` of Stanford CoreNLP 3.4.1 does, without the punctuation that
 * `pycocoevalcap` leaves out. At each position the rule with the longest match decides.
 */
export function ptbTokens(text: string): string[] {
  const line = `${text.replace(LINE_BREAKS, ' ')}\n`;
  const tokens: string[] = [];
  for (let at = 0; at < line.length; ) {
    const plain = plainWord(line, at);
    const { taken, output } = plain ? { taken: plain.length, output: plain } : longest(line, at);
    at += taken;
    if (output !== '') tokens.push(...output.replaceAll('\u00AD', '').toLowerCase().split(' '));
  }
  return tokens.filter((token) => token !== '' && !PUNCTUATION.has(token));
}

function plainWord(line: string, at: number): string | undefined {
  PLAIN_WORD.lastIndex = at;
  const word = PLAIN_WORD.exec(line)?.[0];
  return word && !CONTRACTIONS.has(word.toLowerCase()) ? word : undefined;
}

/** Finds the longest match; characters that no rule knows are skipped. */
function longest(line: string, at: number): { taken: number; output: string } {
  let [length, taken, output] = [0, 1, ''];
  if (line[at] === ' ' || line[at] === '\n') return { taken, output };
  for (const { pattern, text } of rules) {
    pattern.lastIndex = at;
    const match = pattern.exec(line);
    if (!match || match[0].length <= length) continue;
    const token = match[1] ?? match[0];
    length = match[0].length;
    taken = token.length;
    output = text === undefined ? token : typeof text === 'string' ? text : text(token);
  }
  return { taken, output };
}
