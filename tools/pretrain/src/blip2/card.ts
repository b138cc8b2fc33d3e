import type { QFormerConfig } from '@blip2/qformer';
import type { EvalSummary } from '@blip2/runs';
import type { Json } from '@blip2/tensor';
import { bestOf, type History, hoursOf, type Origin, type RunHistory, type StageHistory } from './history.js';
import type { Validation } from './validate.js';

/** What is known of a model that ships. */
export interface Shipped {
  readonly history: History;
  /** The Q-Former, and how densely the encoder is evaluated where that is not as its own config says. */
  readonly sizes: { readonly config: QFormerConfig; readonly outputStride?: 16 | 32 };
  /** Bytes of the weights of both stages. */
  readonly bytes: number;
  /** The scores of both stages by Firefox OS' drawings. */
  readonly firefox: readonly Validation[];
  /** The scores of `blip2 eval`. */
  readonly scores: EvalSummary;
}

/** The model card, Markdown. */
export function card({ history, sizes, bytes, firefox, scores }: Shipped): string {
  const { config, outputStride } = sizes;
  const dense = outputStride === 16 ? ', evaluated at all 7 by 7 positions (`output_stride` 16)' : '';
  return `# BLIP-2 of emoji, both stages

A Q-Former of ${config.layers} layers, width ${config.hiddenSize} and ${config.queries} queries between this package's image encoder
(\`../vision\`${dense}) and its language model (\`../language\`), which both folders refer to: what was trained, in half precision,
is ${(bytes / 1e6).toFixed(1)} MB. \`stage1\` matches and retrieves (\`Blip2ForImageTextRetrieval\`), \`stage2\` captions and answers
(\`Blip2ForConditionalGeneration\`). Written by \`pnpm pretrain ship\` (\`tools/pretrain/src/blip2\`).

- **It knows** drawings of emoji by their names, and scenes of up to four drawings of 85 kinds, with counts and positions, in
  the words of \`@blip2/emoji\`'s grammar. Photographs and free text are beyond it.
- **Training data:** drawings by ${vendorsOf(history)}, scenes composed of them, and single drawings on
  white, transparent and colored backgrounds. **Noto's drawings were never trained on, nor chosen by; its emoji are seen** in
  other vendors' drawings. **Firefox OS' drawings were never trained on either**: by them each stage's state to ship was chosen.
- **Trained** for ${hoursOf(history).toFixed(1)} hours in all (${runsOf(history)}) on two CPU cores, with the configurations in \`training.json\`.

## Scores

As \`blip2 eval --data emoji\` gives them, of these files; text is generated greedily.

${scoreTable(scores)}

Firefox OS (validation; retrieval among its 465 drawings, the 55 nouns that it has): ${firefox.map(scoresOf).join('; ')}.

## How it was trained
${history.runs.map(runSection).join('')}`;
}

/** Whose drawings the models that ship were trained on. */
function vendorsOf({ runs, ships }: History): string {
  const byAll = (run: RunHistory | undefined): boolean =>
    (run?.config as { readonly data?: Json } | undefined)?.data?.allVendors === true;
  const all = runs.some(byAll);
  const known = ['OpenMoji', 'Twemoji', 'Fluent Emoji', 'Fluent Emoji Flat'];
  const names = all ? [...known, 'EmojiTwo', 'Emoji One 1', 'Streamline Emojis', 'Flat Color Icons'] : known;
  const few = Object.entries(ships ?? {}).flatMap(([stage, of]) =>
    all && ![of].flat().every((run) => byAll(runs[run - 1])) ? [stage] : [],
  );
  const without = few.length > 0 ? ` (\`${few.join('` and `')}\` by the first four alone)` : '';
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}${without}`;
}

const runsOf = ({ runs, ships }: History): string => {
  const count = runs.length === 1 ? 'one run' : `${runs.length} runs`;
  const of = Object.entries(ships ?? {}).map(([stage, origin]) => {
    return `${stage.replace('stage', 'stage ')} is ${typeof origin === 'number' ? 'of ' : ''}${named(origin)}`;
  });
  return [count, ...of].join(', ');
};

/** 'run 3', 'the mean of runs 3, 4 and 5' */
const named = (origin: Origin): string => {
  if (typeof origin === 'number') return `run ${origin}`;
  return `the mean of runs ${origin.slice(0, -1).join(', ')} and ${origin.at(-1)}`;
};

const scoresOf = ({ scores }: Pick<Validation, 'scores'>): string =>
  Object.entries(scores)
    .map(([name, value]) => `${name} ${share(value)}`)
    .join(', ');

const share = (value: number | undefined): string => (value === undefined ? '-' : value.toFixed(2));

function scoreTable(scores: EvalSummary): string {
  const { known = {} } = scores;
  const recall = (one: 'i2t' | 't2i') => (split: typeof known) => {
    const found = split.retrieval?.[one];
    return found ? [found.r1, found.r5, found.r10].map(share).join(' / ') : '-';
  };
  const rows: [string, (split: typeof known) => string][] = [
    ['image to text among 400: R@1 / R@5 / R@10', recall('i2t')],
    ['text to image among 400: R@1 / R@5 / R@10', recall('t2i')],
    ['single drawings: caption exactly right', ({ single }) => share(single?.exact)],
    ['single drawings searched by name: right one first', ({ search }) => share(search?.t2i.r1)],
    ['scenes: caption exactly right', ({ captions }) => share(captions?.exact)],
    [
      "scenes: CIDEr, and with another image's visual tokens",
      ({ captions }) => `${share(captions?.cider)}, ${share(captions?.ciderSwapped)}`,
    ],
    ...(scores.vqa?.types ?? []).map(({ type }): [string, (split: typeof known) => string] => [
      `'${type}': accuracy (most frequent answer)`,
      ({ vqa }) => {
        const found = vqa?.types.find((one) => one.type === type);
        return `${share(found?.accuracy)} (${share(found?.prior)})`;
      },
    ]),
  ];
  return [
    '| measured | Noto (unseen vendor) | known vendors, unseen combinations |',
    '|---|---|---|',
    ...rows.map(([name, of]) => `| ${name} | ${of(scores)} | ${of(known)} |`),
  ].join('\n');
}

function runSection({ continued, stage1, stage2 }: RunHistory, index: number): string {
  const from = typeof continued === 'boolean' ? 'the run before' : named(continued);
  const begun = continued === false ? 'from random weights' : `continues ${from}`;
  const stages = [stage1, stage2].flatMap((stage, i) => (stage ? [stageSection(stage, i + 1)] : []));
  return `\n### Run ${index + 1}, ${begun}\n${stages.join('')}`;
}

function stageSection({ steps, seconds, curve, validations }: StageHistory, stage: number): string {
  const best = bestOf(validations);
  const names = [...new Set(curve.flatMap(({ losses }) => Object.keys(losses)))];
  const rows = curve.map(({ step, losses }) => {
    const near = validations.filter((one) => one.step <= step).at(-1);
    return `| ${step} | ${names.map((name) => losses[name] ?? '-').join(' | ')} | ${near ? scoresOf(near) : '-'} |`;
  });
  return `
Stage ${stage}: ${steps} steps in ${(seconds / 3600).toFixed(2)} hours${best ? `; the state after step ${best.step} was kept` : ''}.

| to step | ${names.join(' | ')} | Firefox OS |
|---|${names.map(() => '---|').join('')}---|
${rows.join('\n')}
`;
}
