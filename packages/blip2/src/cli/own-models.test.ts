import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type GenerationModel, loadFolder, type RetrievalModel, saveStage1, saveStage2 } from '@blip2/models';
import { fixture, inFolder, json } from '@blip2/testing';
import { expect, jest, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { blip2 } from '../../test/process.js';
import { loadLanguageModule, loadTrainedWith, loadVisionModule } from './own-models.js';

jest.setTimeout(60_000);
const [opt, itm] = [fixture('hf-opt'), fixture('hf-itm')];
const rocket = fixture('photos/rocket.jpg');
const external = { vision: { external: 'mine' }, language: { external: 'my words' } };
const vision = ['--vision', 'test/own-vision.js'];
const both = [...vision, '--language', 'test/own-language.js'];
const cpu = ['--backend', 'cpu', '--json'];

test('a model whose folder holds neither encoder nor language model captions with modules that give them', async () => {
  await tf.setBackend('cpu');
  await inFolder(async (folder) => {
    using model = (await loadFolder(opt)) as GenerationModel;
    await saveStage2(folder, { ...model, ...external, tokenizer: opt });
    const golden = await json<{ cases: { image: string; greedy: number[] }[] }>(join(opt, 'golden.json'));
    const { image, greedy } = golden.cases[0]!;
    const args = ['caption', fixture(`photos/${image}`), '--model', folder, '--beams', '1', ...cpu];
    const [right, alone] = await Promise.all([
      blip2([...args, ...both], { env: { OWN_MODEL: opt } }),
      blip2([...args, ...vision], { env: { OWN_MODEL: opt } }),
    ]);
    expect(right).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(right.stdout)).toMatchObject({ tokens: greedy.slice(6) });
    expect(alone).toMatchObject({ code: 1, stdout: '' });
    expect(alone.stderr).toMatch(/holds no weights of its language model, 'my words'/);
  });
});

test('match, index and search with an encoder of a module give what they give with that of the folder', async () => {
  await tf.setBackend('cpu');
  await inFolder(async (folder) => {
    using model = (await loadFolder(itm)) as RetrievalModel;
    await saveStage1(join(folder, 'own'), { ...model, ...external, tokenizer: itm });
    const env = { OWN_MODEL: itm, HF_HUB_OFFLINE: '1' };
    const run = async (name: string, path: string, flags: readonly string[] = []) => {
      const index = join(folder, `${name}.index`);
      const on = ['--model', path, ...flags, ...cpu];
      const matched = await blip2(['match', rocket, 'a rocket', ...on], { env });
      await blip2(['index', rocket, fixture('photos/chelsea.png'), '--out', index, ...on], { env });
      const found = await blip2(['search', 'a rocket', '--index', index, ...flags, ...cpu], { env });
      return [matched, found].map(({ stdout, stderr }) => stdout || stderr);
    };
    const [own, stored] = await Promise.all([run('own', join(folder, 'own'), vision), run('stored', itm)]);
    expect(own).toEqual(stored);
    expect(own![0]).toMatch(/^\{"image":.*"itm":0\.\d+,"itc":/);
  });
});

const wrong: [text: string, message: string][] = [
  ['export default 3', "The module 'PATH' gives a number where the image encoder is needed."],
  ['export const a = 1', "The module 'PATH' has no default export; export the image encoder, or a function that"],
  ['export default {}', "The image encoder of 'PATH' must have 'width': the width of a feature vector, a whole number"],
  ['export default { width: 0.5 }', "must have 'width'"],
  ['export default { width: 8 }', "must have 'encode': a function from pixels [B,H,W,3] to features [B,N,width]."],
  ['export default { width: 8, encode() {}, processor: { mean: [1] } }', "must have 'processor': an image processor"],
  ['export default () => { throw new Error("no weights.") }', "The function of the module 'PATH' failed: no weights."],
  ['throw new Error("oh")', "The module 'PATH' cannot be loaded: oh."],
];

test.each(wrong)('a module that is no image encoder: %s', async (text, message) => {
  await inFolder(async (folder) => {
    const path = join(folder, 'own.mjs');
    await writeFile(path, text);
    const found = await loadVisionModule(path).then(String, (error: Error) => error.message.replace(path, 'PATH'));
    expect(found).toContain(message);
    expect(found).not.toContain('\n');
  });
});

test('a module that is no language model, that is not there, or that training cannot use', async () => {
  await inFolder(async (folder) => {
    const path = join(folder, 'own.mjs');
    await writeFile(
      path,
      'export default { kind: "decoder", width: 8, vocabSize: 9, ids: { bos: 1, pad: 2, eos: 3 } }',
    );
    await expect(loadLanguageModule(path)).rejects.toThrow("must have 'ids': the special ids");
    await expect(loadVisionModule('nowhere.js')).rejects.toThrow("There is no module at 'nowhere.js'; check the path.");
    const bare = join(folder, 'bare.mjs');
    await writeFile(bare, 'export default async () => ({ width: 8, encode() {} })');
    await expect(loadTrainedWith({ vision: bare })).rejects.toThrow('has no processor, which training needs; add it.');
    expect(await loadTrainedWith({ vision: folder, language: 'models/opt' })).toEqual({});
  });
});
