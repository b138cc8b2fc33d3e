import { readFile, rename, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const number = z.number();
const bySplit = <T extends z.ZodType>(score: T) => z.strictObject({ unseen: score, known: score });
const ranks = bySplit(z.strictObject({ i2t: number, t2i: number }));
const curve = z.array(z.strictObject({ step: number, losses: z.record(z.string(), number) }));

/** A training of one stage with its scores, as it is kept in a file. */
export const resultSchema = z.discriminatedUnion('stage', [
  z.strictObject({
    stage: z.literal(1),
    name: z.string(),
    seed: number,
    losses: z.strictObject({ itc: number, itm: number, itg: number }),
    retrieval: ranks,
    matched: ranks,
    curve,
    seconds: number,
  }),
  z.strictObject({
    stage: z.literal(2),
    name: z.string(),
    loss: z.enum(['lm', 'phrases']),
    seed: number,
    lm: number,
    captions: bySplit(z.strictObject({ cider: number, swapped: number, exact: number })),
    vqa: bySplit(z.strictObject({ accuracy: number, prior: number, types: z.record(z.string(), number) })),
    curve,
    watched: z.array(z.strictObject({ step: number, accuracy: number })),
    seconds: number,
  }),
]);

/** A training of one stage with its scores. */
export type Result = z.output<typeof resultSchema>;
/** Those of stage 1. */
export type Stage1Result = Extract<Result, { stage: 1 }>;
/** Those of stage 2. */
export type Stage2Result = Extract<Result, { stage: 2 }>;

/** The schema of `results.json`, of which `docs/findings.md` is rendered. */
export const resultsSchema = z.strictObject({
  scale: z.record(z.string(), number.nullable()),
  results: z.array(resultSchema),
});

/** All results with the scale of their runs. */
export type Results = z.output<typeof resultsSchema>;

const file = new URL('../results.json', import.meta.url);

/** Reads the results that are in the repository. */
export async function readResults(): Promise<Results> {
  return resultsSchema.parse(JSON.parse(await readFile(file, 'utf8')));
}

/** Writes the results that are in the repository, a line each. */
export async function writeResults({ scale, results }: Results): Promise<void> {
  const short = (_: string, value: unknown) => (typeof value === 'number' ? Number(value.toPrecision(4)) : value);
  const lines = results.map((result) => JSON.stringify(result, short));
  const path = fileURLToPath(file);
  await writeFile(`${path}.tmp`, `{"scale":${JSON.stringify(scale)},\n"results":[\n${lines.join(',\n')}\n]}\n`);
  await rename(`${path}.tmp`, path);
}
