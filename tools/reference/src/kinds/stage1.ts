import { negativeWeights } from '@blip2/losses';
import { isCopy, lavisName, qformerConfig, qformerSpec } from '@blip2/qformer';
import { bind, dispose, type Flat, flatten, type LossTerms, unflatten, valueAndGrads } from '@blip2/tensor';
import type { Checks } from '../checks.js';
import type { Folder } from '../folder.js';
import { type Json, numberOf, object } from '../json.js';
import { batchOf } from '../stage1/batch.js';
import { curve } from '../stage1/curve.js';
import { type Forward, forward, losses } from '../stage1/forward.js';

/** The first stage on one batch: outputs, losses, gradients under LAVIS' names, and a curve of AdamW steps. */
export async function stage1(folder: Folder, checks: Checks): Promise<void> {
  const json = object(folder.golden.config, "'config'");
  const config = qformerConfig(json, {
    queries: numberOf(json, 'num_query_tokens'),
    projectionSize: numberOf(json, 'embed_dim'),
    encoderWidth: numberOf(json, 'encoder_width'),
    dropout: numberOf(json, 'dropout', 0),
    attentionDropout: numberOf(json, 'dropout', 0),
    textInput: true,
  });
  const spec = qformerSpec(config, 'pretraining');
  const batch = await batchOf(folder, checks, json);
  const begin: Flat = flatten(await bind(spec, folder.model, { rename: lavisName, ignore: isCopy }));
  try {
    const p = unflatten(spec, begin);
    await checks.section('outputs', () => outputs(forward(p, config, batch), checks));
    await checks.section('gradients', async () => {
      const { terms, grads } = valueAndGrads(() => losses(p, config, batch), begin);
      const expected: Json = { ...object(folder.golden.losses, "'losses'"), total: folder.golden.total };
      for (const name of Object.keys(expected)) {
        checks.numbers(`loss.${name}`, await numbersIn(terms[name]), [numberOf(expected, name)]);
      }
      await checks.gradients(Object.fromEntries(Object.entries(grads).map(([path, grad]) => [lavisName(path), grad])));
    });
    await checks.section('curve', () => {
      const lossesOf = (flat: Flat): LossTerms => losses(unflatten(spec, flat), config, batch);
      return curve(folder.golden, checks, { begin, lossesOf });
    });
  } finally {
    dispose(begin);
  }
}

async function outputs(made: Forward, checks: Checks): Promise<void> {
  const { simI2T, simT2I } = made.contrast;
  await checks.tensor('query_output', made.query);
  await checks.tensor('text_output', made.text);
  await checks.tensor('image_feats', made.image);
  await checks.tensor('text_feat', made.words);
  await checks.tensor('sim_i2t', simI2T);
  await checks.tensor('sim_t2i', simT2I);
  await checks.tensor('weights_i2t', negativeWeights(simI2T));
  await checks.tensor('weights_t2i', negativeWeights(simT2I));
  await checks.tensor('itm_logits', made.matched);
  await checks.tensor('itg_logits', made.caption);
}

async function numbersIn(term: LossTerms[string] | undefined): Promise<number[]> {
  return term ? [...(await term.data())] : [];
}
