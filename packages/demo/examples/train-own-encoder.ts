/**
 * Both stages on emoji with an image encoder of your own, EfficientNet-Lite0, and evaluation on drawings that training does not use.
 * With --resume an interrupted run is continued.
 *
 *     node --conditions=@blip2/source --import tsx examples/train-own-encoder.ts \
 *       --weights efficientnet-lite0-57934424.pth --preset demo --out ../../runs/efficientnet
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { IMAGENET_MEAN, IMAGENET_STD } from '@blip2/data';
import { emojiConfigs, emojiData } from '@blip2/demo';
import { type CustomVision, type Reporter, runEval, runTrain } from '@blip2/runs';
import { useBackend } from '@blip2/training';
import { loadEfficientNetLite } from '../../vision/examples/efficientnet-lite.js';

const { values: flags } = parseArgs({
  options: {
    weights: { type: 'string' },
    preset: { type: 'string', default: 'demo' },
    config: { type: 'string' },
    out: { type: 'string', default: 'runs/efficientnet' },
    size: { type: 'string', default: '224' },
    resume: { type: 'boolean', default: false },
  },
});
const { weights, config: file, out, resume } = flags;
if (!weights) throw new Error('Give the .pth of EfficientNet-Lite0 as --weights.');
await useBackend();

const side = Number(flags.size);
const vision: CustomVision = {
  ...(await loadEfficientNetLite(weights)),
  name: 'efficientnet-lite0',
  fingerprint: createHash('sha256')
    .update(await readFile(weights))
    .digest('hex'),
  processor: {
    size: { width: side, height: side },
    filter: 'bicubic',
    mean: IMAGENET_MEAN,
    std: IMAGENET_STD,
    rescale: 1 / 255,
  },
};

let reported = 0;
const reporter: Reporter = {
  progress(task, done, total) {
    if (done < total && performance.now() - reported < 10_000) return;
    reported = performance.now();
    console.error(`${new Date().toISOString()} ${task}: ${done} of ${total}`);
  },
  step: () => {},
  note: (text) => console.error(text),
};

await runTrain(file ? await emojiConfigs.read(file) : emojiConfigs.preset(flags.preset), {
  data: emojiData,
  out,
  vision,
  resume,
  reporter,
});
console.log(JSON.stringify(await runEval({ model: out, data: emojiData, vision, reporter })));
process.exit(0);
