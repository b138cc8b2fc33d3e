import { digits as D, marks, letters as P, symbols } from './characters.js';

/** One kind of token. */
export interface Rule {
  /** Matches at a position; where it has a group, the token is the group and the rest is context. */
  readonly pattern: RegExp;
  /** Converts what was matched to tokens, separated by spaces; a string is the token itself. Default: as it is. */
  readonly text?: string | ((token: string) => string);
}

const rule = (pattern: string, text?: Rule['text'], flags = ''): Rule => ({
  pattern: new RegExp(pattern, `y${flags}`),
  ...(text !== undefined && { text }),
});

const L = `(?:[${P}${marks}]|&[aeiouAEIOU](?:acute|grave|uml);)`;
const LD = `(?:[${P}${marks}${D}]|&[aeiouAEIOU](?:acute|grave|uml);)`;
const PD = `[${P}${D}]`;
const APOSTROPHE = "(?:['\\u0092\\u2019]|&apos;)";
const QUOTE = "(?:['\\u0092\\u2019\\u0091\\u2018\\u201B`]|&apos;)";
const SPACE = '[ \\t\\u00A0\\u2000-\\u200A\\u3000]';
const WORD = `${L}${LD}*(?:[.!?]${L}${LD}*)*`;
const HYPHEN = '[-_\\u058A\\u2010\\u2011]';
const NUMBER = `[-+]?(?:[${D}]*(?:[.:,\\u00AD\\u066B\\u066C][${D}]+)+|[${D}]+)`;
const ELIDED = `(?:[dDoOlL]${QUOTE}${PD})?`;
const THING = `${ELIDED}${PD}+(?:${HYPHEN}${ELIDED}${PD}+)*`;
const ENDING = `${APOSTROPHE}(?:[msdMSD]|[rR][eE]|[vV][eE]|[lL][lL])`;
const NOT = `[nN]${QUOTE}[tT]`;
const ACRONYM = '[A-Za-z](?:\\.[A-Za-z])+';
const HYPHENATED = `[A-Za-z0-9][A-Za-z0-9.,\\u00AD]*(?:-(?:${ACRONYM}\\.|[A-Za-z0-9\\u00AD]+))+`;
const URL_PATH = '(?:/[^ \\t\\n\\f\\r"<>|()]+[^ \\t\\n\\f\\r"<>|.!?(){},-])?';

const splitAt = (at: number) => (word: string) => `${word.slice(0, at)} ${word.slice(at)}`;
const nbsp = (token: string): string => token.replace(/[ \t\u2000-\u200A\u3000]+/g, '\u00A0');
const straight = (token: string): string => token.replace(/[\u0092\u2019]|&apos;/g, "'");
const brackets = (token: string): string => token.replaceAll('(', '-LRB-').replaceAll(')', '-RRB-');
const listed = (list: string): string => list.trim().split(/\s+/).join('|');

const FRACTIONS: Readonly<Record<string, string>> = { '¼': '1/4', '½': '1/2', '¾': '3/4', '⅓': '1/3', '⅔': '2/3' };
const QUOTES: Readonly<Record<string, string>> = {
  ...{ '\u2018': '`', '\u201B': '`', '\u0091': '`', '\u2039': '`', '\u2019': "'", '\u0092': "'", '\u203A': "'" },
  ...{ '\u201C': '``', '\u0093': '``', '\u00AB': '``', '\u201D': "''", '\u0094': "''", '\u00BB': "''" },
};

/** Abbreviations that often end a sentence, and that are tokens also directly before a letter or two. */
const ENDING_SENTENCE = listed(`
  al co ct ga jr ky md mo rd rt sq sr va vt ala apr aug bhd cos dak dec esq est etc ext feb fla fri inc ind jan jul jun kan
  ltd mar mon neb nev nov oct plc sep seq sys tel thu tue wed wis wyo ariz assn bldg blvd bros colo conn corp intl kans mich
  minn mont okla penn sept tenn tues univ wisc calif thurs bancorp ph\\.d
`);
/** Abbreviations only in capitals, since they are words otherwise, and only without capitals. */
const CAPITALIZED = listed('Ark Az Del Ill La Mass Miss Ore Pa Tex Wash ARK AZ DEL ILL LA MASS MISS ORE PA TEX WASH');
const UNCAPITALIZED = listed('[Pp]p?t[ey]s? [Mm][ft]g');
/** Titles and other abbreviations before a name. */
const TITLES = listed(`
  cf dr ft lt mr ms mt ph st vs wm adj adm adv ave cie col cpl det drs ens gen gov hon jos maj mme mrs pfc pvt rep rev sen
  sfc sgt spc ste alex asst atty brig capt cmdr dept elec govs insp invt mlle msgr natl pres prof reps sens supt assoc attys
  comdr lieut profs supts treas messrs
`);
const BEFORE_NUMBERS = listed('art ca figs? nos? op pp prop');
const SENTENCE_END = `(?:(?:${ENDING_SENTENCE})\\.)`;

/** Rules in order of precedence among matches of equal length. */
export const rules: readonly Rule[] = [
  rule('cannot|gonna|gotta|lemme|gimme|wanna', splitAt(3), 'i'),
  rule(
    `<(?:[!?][A-Za-z-][^>\\r\\n]*|/?[A-Za-z][A-Za-z0-9:.-]*(?: +(?:[A-Za-z][A-Za-z0-9:.-]*(?: *= *(?:'[^'\\r\\n]*'|"[^"\\r\\n]*"))?))* */?)>`,
    (tag) => tag.replaceAll(' ', '\u00A0'),
  ),
  rule('&(?:MD|mdash|ndash);|[\\u0096\\u0097\\u2013\\u2014\\u2015]', '--'),
  rule('&amp;', '&', 'i'),
  rule('&lt;', '<'),
  rule('&gt;', '>'),
  rule('&nbsp;', ''),
  rule('&(?:HT|TL|UR|LR|QC|QL|QR|odq|cdq|#[0-9]+);'),
  rule(`(${WORD})${ENDING}`),
  rule(`([A-Za-z]*[A-MO-Za-mo-z]\\u00AD*)${NOT}`),
  rule(WORD),
  rule(
    `${APOSTROPHE}n${APOSTROPHE}?|[ldj]${APOSTROPHE}|(?:dunkin|somethin|ol)${APOSTROPHE}|o${APOSTROPHE}o|${APOSTROPHE}em|${APOSTROPHE}[2-9]0s|${APOSTROPHE}till?|${APOSTROPHE}cause|cont'd\\.?|nor'easter|c'mon|e'er|s'mores|ev'ry|li'l|nat'l`,
    undefined,
    'i',
  ),
  rule(`[A-HJ-XZn]${QUOTE}[${P}]{2}[${P}]*|[${P}]+[aeiouyAEIOUY]${QUOTE}[aeiouA-Z][${P}]*`),
  rule(`(${APOSTROPHE}[0-9][0-9])(?=${SPACE}|\\n)`),
  rule("('t)(?:is|was)", undefined, 'i'),
  rule(`(y${APOSTROPHE})(?=[${P}])`, undefined, 'i'),
  rule('https?://[^ \\t\\n\\f\\r"<>|()]+[^ \\t\\n\\f\\r"<>|.!?(){},-]', undefined, 'i'),
  rule(`www\\.(?:[^ \\t\\n\\f\\r"<>|.!?(){},]+\\.)+[a-zA-Z]{2,4}${URL_PATH}`, undefined, 'i'),
  rule(`(?:[^ \\t\\n\\f\\r"\`'<>|.!?(){},-_$]+\\.)+(?:com|net|org|edu)${URL_PATH}`),
  rule(
    '(?:&lt;|<)?[a-zA-Z0-9][^ \\t\\n\\f\\r"<>|()\\u00A0{}]*@(?:[^ \\t\\n\\f\\r"<>|().\\u00A0{}]+\\.)*[^ \\t\\n\\f\\r"<>|().\\u00A0{}]+(?:&gt;|>)?',
  ),
  rule(`@[A-Za-z_][A-Za-z_0-9]*|#${L}+`),
  rule(`(${ENDING})[^A-Za-z]`, straight),
  rule(`(${NOT})[^A-Za-z]`, straight),
  rule(`[${D}]{1,2}[-/][${D}]{1,2}[-/][${D}]{2,4}`),
  rule(NUMBER),
  rule('[\\u207A\\u207B\\u208A\\u208B]?(?:[\\u2070\\u00B9\\u00B2\\u00B3\\u2074-\\u2079]+|[\\u2080-\\u2089]+)'),
  rule(`(?:[${D}]{1,4}[- \\u00A0])?[${D}]{1,4}(?:\\\\?/|\\u2044)[${D}]{1,4}`, nbsp),
  rule('[\\u00BC\\u00BD\\u00BE\\u2153-\\u215E]', (fraction) => FRACTIONS[fraction] ?? fraction),
  rule(THING),
  rule('[A-Z]+(?:(?:[+&]|&amp;)[A-Z]+)+', (word) => word.replaceAll('&amp;', '&')),
  rule('[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}(?:\\\\?/[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}){1,2}'),
  rule('[A-Z]*\\$|#'),
  rule('\\u00A3', '#'),
  rule('[\\u0080\\u00A4\\u20A0\\u20AC]', '$'),
  rule('\\u00A2', 'cents'),
  rule(`(${SENTENCE_END})[^][^]`, undefined, 'i'),
  rule(`((?:${CAPITALIZED}|${UNCAPITALIZED})\\.)[^][^]`),
  rule(`(?:${ENDING_SENTENCE}|${TITLES})\\.`, undefined, 'i'),
  rule(`(?:${CAPITALIZED}|${UNCAPITALIZED})\\.`),
  rule(`((?:${BEFORE_NUMBERS})\\.)${SPACE}?[${D}]`, undefined, 'i'),
  rule(`(?:${ACRONYM}|[A-Za-z])\\.`),
  rule(`((?:${WORD}|${THING}|${HYPHENATED})\\.)[,;:\\u3001]`),
  rule(HYPHENATED),
  rule(
    `((?:${PD}+\\.)+(?:bat|bmp|c|class|cgi|cpp|dll|docx?|exe|gif|gz|h|html?|jar|java|jpe?g|mov|mp3|pdf|php|pl|png|ppt|ps|py|sql|tar|txt|wav|x|xml|zip))[\\s.,!?]`,
    undefined,
    'i',
  ),
  rule(
    '(?:\\([0-9]{2,3}\\)[ \\u00A0]?|(?:\\+\\+?)?(?:[0-9]{2,4}[- \\u00A0])?[0-9]{2,4}[- \\u00A0])[0-9]{3,4}[- \\u00A0]?[0-9]{3,5}|(?:(?:\\+\\+?)?[0-9]{2,4}\\.)?[0-9]{2,4}\\.[0-9]{3,4}\\.[0-9]{3,5}',
    (token) => brackets(nbsp(token)),
  ),
  rule("([<>]?[:;=][-o*']?[()DPdpO\\\\{@|\\[\\]])(?=[^A-Za-z0-9])", brackets),
  rule("[-^x=~<>']_[-^x=~<>']|\\([-^x=~<>'][_.]?[-^x=~<>']\\)|\\([-^x=~<>']-[-^x=~<>'`]\\)", brackets),
  rule('"|&quot;', "''"),
  rule('[`\\u2018-\\u201F\\u0082\\u0084\\u0091-\\u0094\\u2039\\u203A\\u00AB\\u00BB]{1,2}', (quotes) =>
    [...quotes].map((quote) => QUOTES[quote] ?? quote).join(''),
  ),
  rule(`''?|${APOSTROPHE}`, "'"),
  rule(`(')[A-Za-z][^ \\t\\n\\u00A0\\u2000-\\u200A\\u3000]`, "'"),
  rule(ENDING, straight),
  rule('\\(', '-LRB-'),
  rule('\\)', '-RRB-'),
  rule('\\[', '-LSB-'),
  rule('\\]', '-RSB-'),
  rule('\\{', '-LCB-'),
  rule('\\}', '-RCB-'),
  rule('-+', (dashes) => (dashes.length >= 3 && dashes.length <= 4 ? '--' : dashes)),
  rule('\\.{3,5}|(?:\\.[ \\u00A0]){2,4}\\.|\\u2026', '...'),
  rule('[?!]+|\\*+|(?:\\\\\\*)+|_+|@+|##+|<<|>>|[cf]#|c\\+\\+', undefined, 'i'),
  rule('\\u00AD', '-'),
  rule(`[.,;:${symbols}]`),
];
