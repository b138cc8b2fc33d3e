import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fixture } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { openTorch, TorchError } from './index.js';

/** Loads everything and checks that it is consistent, or fails clearly. */
async function loadOrRefuse(bytes: Uint8Array): Promise<boolean> {
  try {
    const source = await openTorch(bytes);
    for (const [name, { shape }] of source.names) {
      if (!(await source.read(name).then((values) => values.length === shape.reduce((a, b) => a * b, 1), clear)))
        return false;
    }
    return true;
  } catch (error) {
    return clear(error);
  }
}

/** Rethrows what no sentence was made of. */
function clear(error: unknown): false {
  if (!(error instanceof TorchError)) throw error;
  expect(error.message).toMatch(/^torch: .*; .*\.$/s);
  return false;
}

const opcodes = [...'cR(btlQhq}]sueaXJKMGN0.2i\x80\x81\x85\x86\x87\x88\x89\x8a\x8b\x8c\x93\x94\x95'].map((c) =>
  Uint8Array.of(c.charCodeAt(0)),
);
const extremes = [
  [255, 255, 255, 255],
  [0, 0, 0, 128],
  [0, 0, 0, 0],
  [255, 255, 255, 127],
].map((four) => Uint8Array.from(four));

test.each(['zip.pth', 'legacy.pth', 'state.pth', 'protocol4.pth'])(
  '500 mutations of %s load or are refused clearly',
  async (file) => {
    const valid = Uint8Array.from(await readFile(join(fixture('torch'), file)));
    const at = fc.oneof(fc.nat(valid.length - 1), fc.nat(Math.min(2000, valid.length - 1)));
    const mutation = fc.oneof(
      fc.record({ at, cut: fc.constant(1), put: fc.constantFrom(...opcodes) }),
      fc.record({ at, cut: fc.constant(4), put: fc.constantFrom(...extremes) }),
      fc.record({ at, cut: fc.constant(1), put: fc.uint8Array({ minLength: 1, maxLength: 1 }) }),
      fc.record({ at, cut: fc.nat(40), put: fc.uint8Array({ maxLength: 8 }) }),
      fc.record({ at, cut: fc.constant(valid.length), put: fc.constant(new Uint8Array()) }),
    );
    let loaded = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 3 }), async (mutations) => {
        let bytes = valid;
        for (const { at, cut, put } of mutations) {
          bytes = Uint8Array.from([...bytes.subarray(0, at), ...put, ...bytes.subarray(at + cut)]);
        }
        if (await loadOrRefuse(bytes)) loaded++;
      }),
      { numRuns: 500, seed: 5 },
    );
    expect(loaded).toBeGreaterThan(10);
    expect(loaded).toBeLessThan(480);
  },
);
