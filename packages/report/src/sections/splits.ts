import { count, decimal, percent } from '../format.js';
import { type Html, html } from '../html.js';
import type { Bounds, Captions, ReportData, Search, Singles, VqaScore } from '../types.js';
import { type Section, scrollable } from './section.js';

/** The scores of one split. */
interface Split {
  readonly retrieval?: ReportData['retrieval'] | NonNullable<ReportData['known']>['retrieval'];
  readonly captions?: Captions | undefined;
  readonly single?: Singles | undefined;
  readonly search?: Search | undefined;
  readonly vqa: readonly VqaScore[];
}

/** A score as text; undefined where a split has none. */
type Score = (split: Split) => string | undefined;

interface Row {
  readonly name: string;
  readonly score: Score;
  readonly bound?: string | undefined;
}

/** Renders the main scores of both splits side by side, with what the frozen parts reach alone; undefined without either. */
export function splitsSection(data: ReportData): Section | undefined {
  const { split = 'score', known, bounds } = data;
  if (!known && !bounds) return undefined;
  const shown: Split[] = known ? [data, known] : [data];
  const rows = rowsOf(data, bounds).filter((row) => row.score(data) !== undefined);
  const cells = ({ name, score, bound }: Row): Html => html`<tr><th scope="row">${name}</th>${shown.map(
    (one) => html`<td class="main">${score(one) ?? '–'}</td>`,
  )}${bounds && html`<td>${bound ?? '–'}</td>`}</tr>
`;
  const heads = [split, ...(known ? [known.name] : []), ...(bounds ? ['frozen parts alone'] : [])];
  const table = html`<table class="scores"><thead><tr><th scope="col">Measured</th>${heads.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>${rows.map(cells)}</tbody></table>`;
  const body = html`${scrollable('Scores of each split', table)}
${bounds && html`<p class="hint">The last column is what the frozen parts reach without the Q-Former: retrieval by the image encoder’s own features, and the language model’s answers and captions when the image is described to it.</p>`}`;
  return { id: 'splits', title: known ? 'Scores of each split' : 'Scores', body };
}

function rowsOf({ retrieval, vqa }: ReportData, bounds: Bounds | undefined): Row[] {
  const recall =
    (of: 'i2t' | 't2i', k: 'r1' | 'r5'): Score =>
    (split) =>
      split.retrieval && percent(split.retrieval[of][k]);
  const among = retrieval ? ` among ${count(retrieval.candidates)}` : '';
  const directions = [
    ['Image to text', 'i2t'],
    ['Text to image', 't2i'],
  ] as const;
  return [
    ...directions.flatMap(([name, of]) =>
      (['r1', 'r5'] as const).map(
        (k): Row => ({
          name: `${name}${among}, R@${k.slice(1)}`,
          score: recall(of, k),
          bound: of === 'i2t' && bounds?.retrieval ? percent(bounds.retrieval[k]) : undefined,
        }),
      ),
    ),
    { name: 'Single objects, caption exactly right', score: ({ single }) => single && percent(single.exact) },
    { name: 'Single objects by name, right one first', score: ({ search }) => search && percent(search.t2i.r1) },
    {
      name: 'Caption exactly right',
      score: ({ captions }) => (captions?.exact === undefined ? undefined : percent(captions.exact)),
      bound: bounds?.captions && percent(bounds.captions.exact),
    },
    {
      name: 'CIDEr, and from another image’s soft prompt',
      score: ({ captions }) => captions && `${decimal(captions.cider)}, ${decimal(captions.ciderSwapped)}`,
    },
    ...vqa.map(({ type }): Row => {
      const accuracy = (of: readonly Pick<VqaScore, 'type' | 'accuracy'>[] | undefined) => {
        const found = of?.find((one) => one.type === type);
        return found && percent(found.accuracy);
      };
      return { name: `‘${type}’`, score: (split) => accuracy(split.vqa), bound: accuracy(bounds?.vqa?.types) };
    }),
  ];
}
