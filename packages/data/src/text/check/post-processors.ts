import type { Components } from './components.js';
import { type Check, count, list, record, someText, wrong } from './fields.js';

const MOST_PIECES = 64;
const MOST_TYPES = 2 ** 16;

const partsOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const isFirst = (piece: unknown): boolean =>
  (piece as { Sequence?: { id?: unknown } } | undefined)?.Sequence?.id === 'A';

/**
 * Returns the post-processors that are supported.
 * @param has whether the tokenizer has a token
 */
export function postProcessors(has: (token: string) => boolean): Components {
  const token: Check = (value, at) => {
    someText(value, at);
    if (!has(value as string)) throw wrong(at, 'one of its tokens', value);
  };
  const template =
    (sequences: readonly string[]): Check =>
    (value, at) => {
      for (const [i, piece] of list(value, at, MOST_PIECES).entries()) {
        const here = `${at}[${i}]`;
        const { SpecialToken: special, Sequence: sequence } = record(piece, here);
        const { id, type_id: type } = record(special ?? sequence, here);
        if (special !== undefined) token(id, `${here}.SpecialToken.id`);
        else if (!sequences.some((known) => known === id)) {
          throw wrong(`${here}.Sequence.id`, sequences.join(' or '), id);
        }
        count(0, MOST_TYPES)(type, `${here}.type_id`);
      }
    };
  const named: Check = (value, at) => token(list(value, at, 2)[0], `${at}[0]`);
  const surrounded = { fields: { sep: named, cls: named } };
  return {
    Sequence: { children: 'processors' },
    ByteLevel: {},
    TemplateProcessing: {
      fields: { single: template(['A']), pair: template(['A', 'B']) },
      growth: ({ single }) => Math.max(1, partsOf(single).filter(isFirst).length),
    },
    BertProcessing: surrounded,
    RobertaProcessing: surrounded,
  };
}
