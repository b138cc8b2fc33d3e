import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { registerAttention } from '@blip2/attention';
import { register } from '@blip2/backend-simd';
import { silent } from '@blip2/runs';
import type { TrainStep } from '@blip2/trainer';
import * as tf from '@tensorflow/tfjs';
import { averageModels, averageStage } from './average.js';
import { pretrainBert } from './bert.js';
import { type PretrainConfig, pretrainConfigs } from './blip2/config.js';
import { pretrainBlip2 } from './blip2/pretrain.js';
import { shipBlip2 } from './blip2/ship.js';
import { compareVendors } from './encoder/compare.js';
import { trainEncoder } from './encoder/train.js';
import { writeEvaluation } from './evaluation.js';
import { pretrainLanguage } from './language.js';
import { quantizedTable, replaceMarked, scoreQuantized } from './quantized.js';
import { readGists } from './reading.js';

const USAGE = `Makes what @blip2/starter ships.

  pnpm pretrain encoder --from FILE.pth|FOLDER [--steps N]   fine-tunes EfficientNet-Lite0 to tell emoji apart
  pnpm pretrain average --from A,B [--run DIR]               the mean of such encoders' weights; with --run that of stage 1, or --stage 2, of runs A and B
  pnpm pretrain language [--steps N] [--from FOLDER]         the small OPT, from texts alone
  pnpm pretrain read                                         how well the OPT says what gists of test scenes hold
  pnpm pretrain bert [--steps N]                             the small BERT, from texts alone
  pnpm pretrain blip2 --run DIR [--from shipped|DIR]         both stages of BLIP-2 on emoji, chosen by Firefox OS' drawings
  pnpm pretrain ship --run DIR                               the models of such a run, scored, as models/blip2
  pnpm pretrain quantized [--report FILE]                    the trained BLIP-2 in int8, int4 and f16 beside float32
  pnpm pretrain compare                                      how well the encoder tells emoji by unseen vendors apart

'read' and 'compare' also write what they measure as evaluation.json beside the weights, which the demo's report shows.

Work is kept in --work (default: .cache/pretrain of this tool); stopped training goes on where it was.

blip2 takes --config FILE (default: src/blip2/begin.json, with --from continue.json), --stage 1|2|all, --hours H (then it stops, and
goes on when called again), --fresh (stage 2 begins with the stage 1 of this run, not with that of --from), --steps N (of each stage),
--validate-every N.`;

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    work: { type: 'string', default: here('../.cache/pretrain') },
    out: { type: 'string', default: here('../../../packages/starter/models') },
    steps: { type: 'string' },
    from: { type: 'string' },
    threads: { type: 'string' },
    peak: { type: 'string', default: '5e-4' },
    batch: { type: 'string', default: '64' },
    seed: { type: 'string', default: '1' },
    run: { type: 'string' },
    config: { type: 'string' },
    stage: { type: 'string', default: 'all' },
    hours: { type: 'string' },
    report: { type: 'string' },
    fresh: { type: 'boolean', default: false },
    'validate-every': { type: 'string' },
  },
});

const seed = Number(values.seed);
const log = ({ step, losses, lr, gradNorm, seconds }: TrainStep): void => {
  console.log(JSON.stringify({ step, losses, lr, gradNorm, seconds }));
};
const steps = (usual: number): number => Number(values.steps ?? usual);

const commands: Record<string, () => Promise<void>> = {
  async encoder() {
    const { from, peak, batch } = values;
    if (!from)
      throw new Error("Give ImageNet's weights or an encoder to go on from: --from FILE.pth or --from FOLDER.");
    const numbers = { steps: steps(600), batch: Number(batch), peak: Number(peak), seed };
    await trainEncoder(
      { work: join(values.work, 'encoder'), folder: join(values.out, 'vision'), from, ...numbers },
      { step: log, validation: (found) => console.log(JSON.stringify({ validation: found })) },
    );
  },
  async average() {
    const { from, run, stage } = values;
    if (!from?.includes(',')) throw new Error('Give the folders of encoders or of runs, --from A,B or more.');
    if (run) await averageStage(stage === '2' ? 'stage2' : 'stage1', from.split(','), run);
    else await averageModels(from.split(','), join(values.out, 'vision'));
  },
  language: () => {
    const { from } = values;
    return pretrainLanguage({ folder: join(values.out, 'language'), from, steps: steps(2600), batch: 96, seed }, log);
  },
  async read() {
    const folder = join(values.out, 'language');
    console.log(JSON.stringify(await writeEvaluation(folder, await readGists(folder, { scenes: 96, positions: 8 }))));
  },
  bert: () => pretrainBert({ folder: join(values.out, 'bert'), steps: steps(400), batch: 128, seed }, log),
  async blip2() {
    const { run, from, hours, fresh, stage, 'validate-every': every } = values;
    const chosen = stages[stage];
    if (!run || !chosen) throw new Error('Give the folder of the run, --run DIR, and --stage 1, 2 or all.');
    const finished = await pretrainBlip2(
      {
        ...{ out: run, work: values.work, stages: chosen, fresh },
        config: await blip2Config(),
        from: from === 'shipped' ? join(values.out, 'blip2') : from,
        ...(hours !== undefined && { hours: Number(hours) }),
        ...(every !== undefined && { validateEvery: Number(every) }),
      },
      {
        step: (of, step) => console.log(JSON.stringify({ stage: of, ...step })),
        validation: (of, found) => console.log(JSON.stringify({ stage: of, validation: found })),
        reporter: silent,
      },
    );
    if (!finished) console.error('Stopped after --hours; the same command goes on.');
  },
  async ship() {
    const { run, work, out } = values;
    if (!run) throw new Error('Give the folder of the run, --run DIR.');
    const { scores, firefox } = await shipBlip2({ run, work, models: out });
    console.log(JSON.stringify({ ...scores, firefox }));
  },
  async quantized() {
    const options = { work: join(values.work, 'quantized'), names: ['f16', 'int8', 'int4'] as const };
    const rows = await scoreQuantized(join(values.out, 'blip2'), options);
    for (const row of rows) console.log(JSON.stringify(row));
    if (values.report !== undefined) await replaceMarked(values.report, 'starter', quantizedTable(rows));
  },
  async compare() {
    const folder = join(values.out, 'vision');
    console.log(JSON.stringify(await writeEvaluation(folder, await compareVendors(folder, values.work))));
  },
};

const stages: Readonly<Record<string, readonly (1 | 2)[]>> = { '1': [1], '2': [2], all: [1, 2] };

/** Reads the configuration of a run of BLIP-2. */
async function blip2Config(): Promise<PretrainConfig> {
  const file = values.config ?? here(values.from ? './blip2/continue.json' : './blip2/begin.json');
  const config = await pretrainConfigs.read(file);
  const { steps: count } = values;
  if (count === undefined) return config;
  const shortened = { steps: Number(count) };
  return { ...config, stage1: { ...config.stage1, ...shortened }, stage2: { ...config.stage2, ...shortened } };
}

const command = commands[positionals[0] ?? ''];
if (!command) {
  console.error(USAGE);
  process.exit(2);
}
await registerAttention(await register(values.threads ? { threads: Number(values.threads) } : {}));
await tf.setBackend('simd');
tf.enableProdMode();
await command();
