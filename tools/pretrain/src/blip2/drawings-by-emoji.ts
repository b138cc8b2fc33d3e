import { type Emoji, loadEmoji, splits } from '@blip2/emoji';
import { allDrawingsOf, type Drawing, OTHERS, VENDORS } from '../drawings.js';

/** Black shapes, which do not show by what many emoji differ: their colors. */
const WITHOUT_COLOR = 'fluent-emoji-high-contrast';

/** The sets whose drawings BLIP-2 is trained on with `allVendors`: those of the encoder's training that have colors. */
export const SETS: readonly string[] = [...VENDORS, ...OTHERS].filter((set) => set !== WITHOUT_COLOR);

/** The drawings that several sets have of some emoji. */
export interface DrawingsByEmoji {
  readonly drawings: readonly Drawing[];
  /** For each emoji's code the places of its drawings in `drawings`, in the order of the sets; at least one. */
  readonly places: ReadonlyMap<string, readonly number[]>;
  /** The most drawings that an emoji has. */
  readonly most: number;
}

/**
 * Finds the drawings of emoji in `SETS`: by the icons' names, which the other sets share with the vendors of the training split.
 * @throws where no set has drawn one
 */
export function drawingsByEmoji(entries: readonly Emoji[] = loadEmoji()): DrawingsByEmoji {
  const names = new Map(
    splits.train.flatMap((vendor) => entries.map(({ vendors, code }) => [vendors[vendor], code] as const)),
  );
  const drawn = SETS.flatMap((set) => {
    const vendor = splits.train[VENDORS.findIndex((own) => own === set)];
    const own = vendor && new Map(entries.map(({ vendors, code }) => [vendors[vendor], code]));
    return allDrawingsOf(set).flatMap((drawing) => {
      const code = (own ?? names).get(drawing.name);
      return code === undefined ? [] : [{ drawing, code }];
    });
  });
  const places = new Map(entries.map(({ code }) => [code, [] as number[]]));
  for (const [i, { code }] of drawn.entries()) places.get(code)?.push(i);
  for (const { code, label } of entries) {
    if (places.get(code)?.length === 0) throw new Error(`None of ${SETS.join(', ')} has drawn '${label}' (${code}).`);
  }
  const most = Math.max(...[...places.values()].map(({ length }) => length));
  return { drawings: drawn.map(({ drawing }) => drawing), places, most };
}
