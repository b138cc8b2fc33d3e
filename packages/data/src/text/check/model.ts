import type { Json } from '@blip2/tensor';
import { checkFields, count, flag, isText, list, optional, record, text, wrong } from './fields.js';

/** More tokens than any published tokenizer has. Ids are array indices, so that one large id would take memory. */
export const MOST_TOKENS = 2 ** 20;
const LONGEST_WORD = 256;
/** Work grows with the square of a piece's length; SentencePiece's default limit is 16. */
const LONGEST_PIECE = 64;

const id = count(0, MOST_TOKENS - 1);

/**
 * Checks the `model` of a `tokenizer.json`.
 * @returns the model with its type, and its tokens
 * @throws Error naming the field that is invalid
 */
export function checkModel(value: unknown): { model: Json; tokens: ReadonlySet<string> } {
  const model = record(value, 'model');
  const type = model.type ?? inferType(model);
  const check = type === 'BPE' ? bpe : type === 'WordPiece' ? wordPiece : type === 'Unigram' ? unigram : undefined;
  if (!check) throw wrong('model.type', 'BPE, WordPiece or Unigram', type);
  return check({ ...model, type });
}

/** Infers the type, which files from before 2020 lack. */
const inferType = (model: Json): unknown =>
  Array.isArray(model.vocab) ? 'Unigram' : 'merges' in model ? 'BPE' : 'WordPiece';

function vocabulary(value: unknown): Set<string> {
  const entries = Object.entries(record(value, 'model.vocab'));
  if (entries.length === 0 || entries.length > MOST_TOKENS) {
    throw wrong('model.vocab', `1 to ${MOST_TOKENS} tokens`, entries.length);
  }
  for (const [token, place] of entries) id(place, `model.vocab[${JSON.stringify(token.slice(0, 80))}]`);
  return new Set(entries.map(([token]) => token));
}

function bpe(model: Json) {
  const tokens = vocabulary(model.vocab);
  checkFields(model, 'model', {
    continuing_subword_prefix: optional(text),
    continuing_subword_suffix: optional(text),
    end_of_word_suffix: optional(text),
    fuse_unk: flag,
    byte_fallback: flag,
    ignore_merges: flag,
  });
  const prefix = isText(model.continuing_subword_prefix) ? model.continuing_subword_prefix : '';
  const merges = list(model.merges ?? [], 'model.merges', 2 * MOST_TOKENS).map((merge, i) => {
    const pair: unknown = isText(merge) ? merge.split(' ') : merge;
    const [left, right] = Array.isArray(pair) && pair.length === 2 ? pair : [];
    if (!isText(left) || !isText(right)) throw wrong(`model.merges[${i}]`, 'two tokens', merge);
    const joined = left + (right.startsWith(prefix) ? right.slice(prefix.length) : right);
    const stranger = [left, right, joined].find((token) => !tokens.has(token));
    if (stranger !== undefined) throw wrong(`model.merges[${i}]`, 'made of tokens and make a token', stranger);
    return [left, right];
  });
  // GPT-2's file has an empty string for none
  const unknown = model.unk_token === '' && !tokens.has('') ? null : (model.unk_token ?? null);
  if (unknown !== null && !(isText(unknown) && tokens.has(unknown))) throw wrong('model.unk_token', 'a token', unknown);
  return { model: { ...model, merges, unk_token: unknown }, tokens };
}

function wordPiece(model: Json) {
  const tokens = vocabulary(model.vocab);
  checkFields(model, 'model', {
    continuing_subword_prefix: text,
    max_input_chars_per_word: optional(count(1, LONGEST_WORD)),
  });
  const { unk_token: unknown } = model;
  if (!isText(unknown) || !tokens.has(unknown)) throw wrong('model.unk_token', 'a token', unknown);
  return { model, tokens };
}

function unigram(model: Json) {
  const pieces = list(model.vocab, 'model.vocab', MOST_TOKENS).map((entry, i) => {
    const [piece, score] = Array.isArray(entry) ? (entry as unknown[]) : [];
    if (isText(piece) && piece.length <= LONGEST_PIECE && Number.isFinite(score)) return piece;
    throw wrong(`model.vocab[${i}]`, `a piece of at most ${LONGEST_PIECE} characters and its score`, entry);
  });
  if (pieces.length === 0) throw wrong('model.vocab', `1 to ${MOST_TOKENS} pieces`, 0);
  checkFields(model, 'model', { unk_id: optional(count(0, pieces.length - 1)), byte_fallback: flag });
  return { model, tokens: new Set(pieces) };
}
