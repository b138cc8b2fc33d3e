import { downloadRealModels } from '@blip2/test-models';
import { fixture } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import { useBackend } from './backend.js';
import { verifyFolder } from './verify.js';

/** Why there are no real models, where there are none. */
const missing = await downloadRealModels().then(
  () => undefined,
  (error: Error) => error.message.split('\n')[0],
);
if (missing) console.warn(`The real models are not tested: ${missing}`);

(missing ? test.skip : test)(
  'MiniLM and SmolLM2 give what transformers does',
  async () => {
    await useBackend('simd');
    const report = await verifyFolder(fixture('real'));
    expect(report.rows.filter(({ status }) => status !== 'pass')).toEqual([]);
    expect(report).toMatchObject({ kind: 'real', passed: 24 });
  },
  300_000,
);
