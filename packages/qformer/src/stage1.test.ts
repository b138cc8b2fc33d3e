import { readFileSync } from 'node:fs';
import { hardNegatives, itc, itg, itm } from '@blip2/losses';
import { bind, flatten, type LossTerms, specLeaves, valueAndGrads } from '@blip2/tensor';
import { openSafetensors } from '@blip2/tensor/safetensors';
import { expectClose, expectNoLeak, fixture, largestDifference } from '@blip2/testing';
import { afterAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import {
  captionIds,
  captionPass,
  captionSinglePass,
  encodeKeyValues,
  imageFeatures,
  isCopy,
  itgLogits,
  itmLogits,
  jointPass,
  type KeyValues,
  lavisName,
  matchPass,
  matchRows,
  type PassOptions,
  qformerConfig,
  qformerSpec,
  queryPass,
  textFeatures,
  textPass,
} from './index.js';

const { config: json, losses } = JSON.parse(readFileSync(fixture('stage1/golden.json'), 'utf8'));
const config = qformerConfig(json, {
  queries: json.num_query_tokens,
  projectionSize: json.embed_dim,
  encoderWidth: json.encoder_width,
  dropout: json.dropout,
  attentionDropout: json.dropout,
  textInput: true,
});
const spec = qformerSpec(config, 'pretraining');
const golden = await openSafetensors(fixture('stage1/golden.safetensors'));
const model = await openSafetensors(fixture('stage1/model.safetensors'));
afterAll(() => Promise.all([golden.close(), model.close()]));
const p = await bind(spec, model, { rename: lavisName, ignore: isCopy });

async function read<T extends tf.Tensor>(name: string): Promise<T> {
  const { shape, dtype } = golden.names.get(name)!;
  return tf.tensor(await golden.read(name), [...shape], dtype === 'I32' ? 'int32' : 'float32') as T;
}
const features = await read<tf.Tensor3D>('image_embeds');
const ids = await read<tf.Tensor2D>('input_ids');
const mask = await read<tf.Tensor2D>('attention_mask');
const negatives = { image: await read<tf.Tensor1D>('neg_image'), text: await read<tf.Tensor1D>('neg_text') };

/** All four passes of the first stage and what comes of them. */
function forward(options: PassOptions = {}) {
  const query = queryPass(p, config, features, options);
  const text = textPass(p, config, { ids, mask }, options);
  const image = imageFeatures(p, query.output);
  const words = textFeatures(p, text);
  const contrast = itc({ imageFeatures: image, textFeatures: words, temperature: p.temp as tf.Scalar });
  const rows = matchRows({ ids, mask }, negatives);
  const matched = itmLogits(p, matchPass(p, config, { ...rows, features }, options).output);
  const decoder = captionIds(ids, json.bos_token_id);
  const caption = itgLogits(p, config, captionPass(p, config, { ids: decoder, mask, cache: query.cache }, options));
  return { query, text, image, words, contrast, matched, decoder, caption };
}

const out = forward();

test('every output meets the reference', async () => {
  expectClose(out.query.output, await golden.read('query_output'));
  expectClose(out.text, await golden.read('text_output'));
  expectClose(out.image, await golden.read('image_feats'));
  expectClose(out.words, await golden.read('text_feat'));
  expectClose(out.contrast.simI2T, await golden.read('sim_i2t'), 1e-4);
  expectClose(out.contrast.simT2I, await golden.read('sim_t2i'), 1e-4);
  expectClose(out.matched, await golden.read('itm_logits'));
  expectClose(out.caption, await golden.read('itg_logits'));
});

test.each([false, true])(
  'every loss and every gradient meets the reference; layers run again: %s',
  async (recompute) => {
    const { terms, grads } = valueAndGrads(() => {
      const out = forward({ recompute });
      const own = { itc: out.contrast.loss, itm: itm(out.matched), itg: itg(out.caption, out.decoder) };
      return { ...own, total: tf.addN(Object.values(own)) } as LossTerms;
    }, flatten(p));
    for (const name of ['itc', 'itm', 'itg']) expectClose(terms[name]!, [losses[name]]);
    const checked = new Set<string>();
    for (const [path, grad] of Object.entries(grads)) {
      const name = `grad.${lavisName(path)}`;
      const expected = await golden.read(name);
      const largest = expected.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      const difference = largestDifference(grad, expected);
      if (difference > 1e-3 * largest + 1e-6) throw new Error(`${name} differs by ${difference} of ${largest}.`);
      checked.add(name);
    }
    expect(checked.size).toBe(specLeaves(spec).length);
    const untested = [...golden.names.keys()].filter((name) => name.startsWith('grad.') && !checked.has(name));
    expect(untested).toEqual([]);
  },
  60_000,
);

test('one sequence under the mask of UniLM gives what the cached pass gives', () => {
  const decoder = captionIds(ids, json.bos_token_id);
  const cached = captionPass(p, config, { ids: decoder, mask, cache: out.query.cache });
  expectClose(captionSinglePass(p, config, { ids: decoder, mask, features }), cached, 1e-5);
});

test('later tokens and padding are not seen by a caption', () => {
  const { cache } = out.query;
  const changed = tf.concat([tf.slice(ids, [0, 0], [6, 3]), tf.fill([6, 9], 7, 'int32')], 1) as tf.Tensor2D;
  const first = (own: tf.Tensor2D) =>
    tf.slice(captionPass(p, config, { ids: own, mask, cache }), [0, 0, 0], [6, 3, 32]);
  expectClose(first(changed), first(ids), 1e-6);
  const unpadded = textPass(p, config, { ids, mask: tf.onesLike(mask) });
  const refilled = tf.where(tf.equal(mask, 0), tf.fill([6, 12], 9, 'int32') as tf.Tensor2D, ids);
  expect(largestDifference(unpadded, out.text)).toBeGreaterThan(1e-3);
  const cls = (own: tf.Tensor2D) => textFeatures(p, textPass(p, config, { ids: own, mask }));
  expectClose(cls(refilled), out.words, 1e-6);
});

test('an image that many rows look at is projected once, with the same outcome', () => {
  const rows = matchRows({ ids, mask }, negatives);
  const copied = tf.gather(features, rows.imageIndex);
  const { imageIndex, ...texts } = rows;
  const whole = matchPass(p, config, { ...texts, features: copied }).output;
  expectClose(matchPass(p, config, { ...texts, imageIndex, features }).output, whole, 1e-6);
});

test('passes that look at the same images can share what they read of them', async () => {
  const rows = matchRows({ ids, mask }, negatives);
  const both = (seen: tf.Tensor3D | KeyValues) =>
    tf.concat([queryPass(p, config, seen).output, matchPass(p, config, { ...rows, features: seen }).output]);
  expectClose(both(encodeKeyValues(p, config, features)), both(features), 0);
  expect(() => matchPass(p, config, { ids, mask, features: encodeKeyValues(p, config, tf.zeros([2, 3, 24])) })).toThrow(
    'There are 6 texts for 2 images',
  );
  await expectNoLeak(() => {
    for (const keys of encodeKeyValues(p, config, features)) tf.dispose({ ...keys });
  });
});

test('all pairs of the batch can be drawn as negatives', () => {
  const rows = matchRows(
    { ids, mask },
    { image: hardNegatives(out.contrast.simT2I, { seed: 1 }), text: negatives.text },
  );
  expect(rows.ids.shape).toEqual([18, 12]);
  expect([...rows.imageIndex.dataSync().slice(0, 6)]).toEqual([0, 1, 2, 3, 4, 5]);
  const ranked = matchRows({ ids, mask }, negatives, { offset: 6 });
  expect([...ranked.imageIndex.dataSync().slice(12)]).toEqual([6, 7, 8, 9, 10, 11]);
});

test('dropout is repeatable by seed, differs between seeds, and is off by default', () => {
  const dropping = { ...config, dropout: 0.2, attentionDropout: 0.2 };
  const once = (options: { training?: boolean; seed?: number }) => queryPass(p, dropping, features, options).output;
  const dropped = once({ training: true, seed: 4 });
  expectClose(once({ training: true, seed: 4 }), dropped, 0);
  expect(largestDifference(once({ training: true, seed: 5 }), dropped)).toBeGreaterThan(0.1);
  expectClose(once({ seed: 5 }), out.query.output, 0);
});

test('attention maps are probabilities over the places of the image', () => {
  const { attention } = queryPass(p, config, features, { attentionMaps: true });
  expect(attention.map((map) => map.shape)).toEqual([
    [6, 4, 6, 10],
    [6, 4, 6, 10],
  ]);
  expectClose(tf.sum(attention[1]!, -1), new Float32Array(6 * 4 * 6).fill(1), 1e-5);
  const rows = matchRows({ ids, mask }, negatives);
  const match = matchPass(p, config, { ...rows, features }, { attentionMaps: true });
  expect(match.attention.at(-1)?.shape).toEqual([18, 4, 6, 10]);
});

test('passes leave alive only what they return', async () => {
  const dispose = (record: object) => tf.dispose({ ...record } as tf.TensorContainer);
  await expectNoLeak(() => dispose(queryPass(p, config, features, { attentionMaps: true })));
  await expectNoLeak(() => textPass(p, config, { ids, mask }), 1);
  await expectNoLeak(() => tf.dispose(matchRows({ ids, mask }, negatives)));
  await expectNoLeak(() => dispose(matchPass(p, config, { ids, mask, features }, { training: true, seed: 1 })));
  await expectNoLeak(() => captionSinglePass(p, config, { ids, mask, features }), 1);
  await expectNoLeak(() => captionPass(p, config, { ids, mask, cache: out.query.cache }), 1);
  await expectNoLeak(() => {
    const { itm_head } = p;
    const loss = () => ({
      total: itm(itmLogits(p, out.query.output).concat(out.matched.slice(0, 6), 0) as tf.Tensor2D),
    });
    const { terms, grads } = valueAndGrads(loss, flatten(itm_head!));
    tf.dispose([terms, grads]);
  });
}, 60_000);

test('the joint pass gives the queries of the matching pass, and texts that see the image', async () => {
  tf.tidy(() => {
    const { queries, text } = jointPass(p, config, { ids, mask, features });
    expectClose(queries, matchPass(p, config, { ids, mask, features }).output, 1e-5);
    expect(text.shape).toEqual([ids.shape[0], ids.shape[1], config.hiddenSize]);
    const other = jointPass(p, config, { ids, mask, features: tf.reverse(features, 0) });
    expect(largestDifference(other.text, text)).toBeGreaterThan(1e-3);
    const otherTexts = jointPass(p, config, { ids: tf.reverse(ids, 0), mask: tf.reverse(mask, 0), features });
    expect(largestDifference(otherTexts.queries, queries)).toBeGreaterThan(1e-3);
  });
  await expectNoLeak(async () => {
    tf.dispose(jointPass(p, config, { ids, mask, features }));
  });
});

test('without the causal mask a token sees those after it', () => {
  tf.tidy(() => {
    const { cache } = queryPass(p, config, features);
    const first = (causal: boolean | undefined, ids: tf.Tensor2D) =>
      tf.slice(
        captionPass(p, config, { ids, mask, cache }, causal === undefined ? {} : { causal }),
        [0, 0, 0],
        [-1, 1, -1],
      );
    const [, T] = ids.shape;
    const last = tf.oneHot(tf.tensor1d([1], 'int32'), T); // of the second column
    const changed = tf.cast(tf.add(ids, tf.cast(last, 'int32')), 'int32') as tf.Tensor2D;
    expect(largestDifference(first(undefined, changed), first(true, ids))).toBe(0);
    expect(largestDifference(first(false, changed), first(false, ids))).toBeGreaterThan(1e-3);
  });
});
