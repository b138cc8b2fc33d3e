// Run by src/webgpu.test.ts in a process of its own: a small model and a step of each stage, with WebAssembly and on webgpu.
import { pathToFileURL } from 'node:url';
import { fixture } from '@blip2/testing';
import { openDawn, report } from '@blip2/testing/webgpu';
import { train, use } from './whole-path.js';

await report(async () => {
  const adapter = await openDawn();
  if ('skipped' in adapter) return adapter;
  const given = { model: pathToFileURL(fixture('hf-opt')), image: fixture('photos/rocket.jpg') };
  const used = [await use('wasm', given), await use('webgpu', given)];
  const trained = [await train('wasm'), await train('webgpu')];
  return { ...adapter, used, trained };
});
