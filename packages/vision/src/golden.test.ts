import { readFileSync } from 'node:fs';
import { dispose, layerNorm, type WeightSource } from '@blip2/tensor';
import { openSafetensors } from '@blip2/tensor/safetensors';
import { expectClose, expectNoLeak, fixture } from '@blip2/testing';
import { afterAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { readVitConfig } from './config.js';
import { vitForward } from './forward.js';
import { loadFinalNorm, loadVisionEncoder } from './load.js';

/** float32 rounding over three blocks, in another order of summing than PyTorch's. */
const TOLERANCE = 5e-5;

const configOf = (folder: string) => readVitConfig(JSON.parse(readFileSync(`${fixture(folder)}/config.json`, 'utf8')));

const opened: WeightSource[] = [];
afterAll(() => Promise.all(opened.map((source) => source.close())));

async function open(path: string): Promise<WeightSource> {
  const source = await openSafetensors(path);
  opened.push(source);
  return source;
}

/** Files hold images as [B,3,H,W]. */
async function images(golden: WeightSource, name: string): Promise<tf.Tensor4D> {
  const shape = golden.names.get(name)!.shape as [number, number, number, number];
  const values = await golden.read(name);
  return tf.tidy(() => tf.transpose(tf.tensor4d(values, shape), [0, 2, 3, 1]));
}

test.each(['clip', 'siglip', 'dinov2', 'vit'])('%s: every hidden state is that of transformers', async (name) => {
  const folder = `encoders/${name}`;
  const config = configOf(folder);
  const golden = await open(`${fixture(folder)}/golden.safetensors`);
  const source = await open(fixture(folder));
  const pixels = await images(golden, 'pixel_values');
  using encoder = await loadVisionEncoder(source, config, { layer: -1, finalNorm: true });
  const states = encoder.encodeLayers(pixels);
  expect(states.length).toBe(config.layers + 1);
  for (const [i, state] of states.entries()) expectClose(state, await golden.read(`hidden_states.${i}`), TOLERANCE);
  const last = await golden.read('last_hidden_state');
  expectClose(
    name === 'clip' ? vitForward(encoder.params, config, pixels, { layer: -1 }) : encoder.encode(pixels),
    last,
    TOLERANCE,
  );

  using features = await loadVisionEncoder(source, config);
  const seen = await golden.read(`hidden_states.${name === 'clip' ? config.layers - 1 : config.layers}`);
  expectClose(features.encode(pixels), seen, TOLERANCE);
  expect(features.width).toBe(32);
});

test.each(['hf-opt', 'hf-itm'])('%s: EVA with its norm after the blocks is that of transformers', async (folder) => {
  const config = configOf(folder);
  const golden = await open(`${fixture(folder)}/golden.safetensors`);
  const source = await open(fixture(folder));
  using encoder = await loadVisionEncoder(source, config);
  const norm = await loadFinalNorm(source, config);
  const pixels = await images(golden, 'pixel_values');
  expectClose(
    layerNorm(norm, encoder.encode(pixels), config.epsilon),
    await golden.read('vision.last_hidden_state'),
    TOLERANCE,
  );
  if (golden.names.has('interpolated.pixel_values')) {
    const larger = await images(golden, 'interpolated.pixel_values');
    const expected = await golden.read('interpolated.vision.last_hidden_state');
    expectClose(layerNorm(norm, encoder.encode(larger), config.epsilon), expected, TOLERANCE);
  }
  dispose(norm);
});

test('loading and encoding free all but what they return, on and off the tape', async () => {
  const config = configOf('hf-opt');
  const source = await open(fixture('hf-opt'));
  const pixels = tf.zeros([1, 56, 70, 3]) as tf.Tensor4D;
  const weight = tf.ones([32]);
  await expectNoLeak(async () => {
    using encoder = await loadVisionEncoder(source, config);
    await expectNoLeak(() => encoder.encode(pixels).dispose());
    await expectNoLeak(() => tf.dispose(encoder.encodeLayers(pixels)));
    await expectNoLeak(() =>
      tf
        .grad((w) => tf.sum(tf.mul(w, encoder.encode(pixels))))(weight)
        .dispose(),
    );
  });
});

test('what a file lacks or has in another shape is named all at once', async () => {
  const source = await open(fixture('encoders/vit'));
  const config = { ...configOf('encoders/vit'), layers: 4, intermediateSize: 48 };
  await expect(loadVisionEncoder(source, config)).rejects.toThrow(
    /missing: encoder\.layer\.3\..*of another shape: .*encoder\.layer\.0\.intermediate\.dense\.weight \[64,32\] instead of \[48,32\]/,
  );
  const fewer = { ...configOf('encoders/vit'), layers: 2 };
  await expect(loadVisionEncoder(source, fewer)).rejects.toThrow(/unused: encoder\.layer\.2\./);
});
