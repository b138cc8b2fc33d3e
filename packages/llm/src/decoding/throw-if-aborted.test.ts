import { expect, test } from '@jest/globals';
import { throwIfAborted } from './throw-if-aborted.js';

const withoutImmediate = async (run: () => Promise<void>): Promise<void> => {
  const { setImmediate: original } = globalThis;
  Reflect.deleteProperty(globalThis, 'setImmediate');
  try {
    await run();
  } finally {
    globalThis.setImmediate = original;
  }
};

test.each([
  ['setImmediate', (run: () => Promise<void>) => run()],
  ['MessageChannel', withoutImmediate],
])('an abort takes effect at the next check: %s', async (_, around) => {
  await around(async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('enough')));
    const endless = async (): Promise<never> => {
      for (;;) await throwIfAborted(controller.signal);
    };
    await expect(endless()).rejects.toThrow('enough');
    await expect(throwIfAborted(undefined)).resolves.toBeUndefined();
  });
});
