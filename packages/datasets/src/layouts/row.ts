import { isJson, type Json } from '@blip2/tensor';
import { fieldOf } from '../files/json.js';
import type { RawRecord } from '../listed/record.js';
import type { Columns } from '../options.js';
import { splitOf } from '../split.js';
import type { RawQuestion } from '../texts.js';

const IMAGE = ['file_name', 'image', 'image_name', 'filename', 'file', 'image_path', 'path'];
const CAPTION = ['caption', 'captions', 'text', 'texts', 'sentences', 'comment'];
const NUMBERED = /^(caption|text)_?\d+$/;
const ANSWER = ['answers', 'answer'];

/** Returns the keys of a row that hold its image and texts; undefined for those that it has not. */
export function hasColumns(row: Json, columns: Columns): { image: boolean; texts: boolean } {
  const keys = Object.keys(row);
  const has = (own: string | undefined, known: readonly string[]): boolean =>
    own === undefined ? known.some((name) => keys.includes(name)) : keys.includes(own);
  const captions = has(columns.caption, CAPTION) || (!columns.caption && keys.some((key) => NUMBERED.test(key)));
  return { image: has(columns.image, IMAGE), texts: captions || has(columns.question, ['question', 'questions']) };
}

/**
 * Returns what a row of a table, or a JSON object, says of an image: its file, captions, questions with answers, and split,
 * under the column names that data sets use.
 */
export function rowRecord(row: Json, where: string, columns: Columns = {}): RawRecord {
  return {
    where,
    files: [first(row, columns.image ? [columns.image] : IMAGE)],
    captions: captionsOf(row, columns),
    questions: questionsOf(row, columns),
    imageId: first(row, ['image_id', 'cocoid']),
    split: splitOf(first(row, ['split'])),
  };
}

const first = (row: Json, names: readonly string[]): unknown =>
  names.map((name) => fieldOf(row, name)).find((value) => value !== undefined && value !== null && value !== '');

function captionsOf(row: Json, { caption }: Columns): readonly unknown[] {
  const numbered = caption ? [] : Object.keys(row).filter((key) => NUMBERED.test(key));
  const names = [...(caption ? [caption] : CAPTION), ...numbered].filter((name) => Object.hasOwn(row, name));
  const filled = numbered.length > 0 ? names.filter((name) => row[name] !== '' && row[name] !== null) : names;
  return filled.flatMap((name) =>
    listIn(row[name]).map((one) => (isJson(one) ? first(one, ['raw', ...CAPTION]) : one)),
  );
}

function questionsOf(row: Json, { question, answer }: Columns): readonly RawQuestion[] {
  const given = fieldOf(row, 'questions');
  const several = listIn(given === undefined ? [] : given).map((one) => (isJson(one) ? one : { question: one }));
  const single = fieldOf(row, question ?? 'question');
  const all: Json[] = single === undefined || single === null || single === '' ? several : [row, ...several];
  return all.map((one) => {
    const answers = first(one, answer ? [answer, ...ANSWER] : ANSWER);
    const has = (answer ? [answer] : ANSWER).some((name) => Object.hasOwn(one, name));
    const list = answers === undefined ? [] : listIn(answers);
    return {
      id: first(one, ['question_id', ...(one === row ? [] : ['id'])]),
      question: fieldOf(one, one === row ? (question ?? 'question') : 'question'),
      answers: has ? list.map((each) => (isJson(each) ? fieldOf(each, 'answer') : each)) : undefined,
    };
  });
}

/** A list, also one that is written as JSON into the cell of a table; anything else is a list of one. */
function listIn(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  if (typeof value === 'string' && /^\s*\[.*\]\s*$/s.test(value)) {
    try {
      const list: unknown = JSON.parse(value);
      if (Array.isArray(list)) return list;
    } catch {
      return [value]; // a text in brackets
    }
  }
  return [value];
}
