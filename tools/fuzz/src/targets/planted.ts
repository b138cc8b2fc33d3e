import { mutateBytes } from '../mutate/bytes.js';
import type { Target } from '../target.js';

const kept: Uint8Array[] = [];

/** Each fault that the fuzzer must find, by the first byte of the input, and a branch that only a guided one reaches. */
export const target: Target = {
  name: 'planted',
  seeds: async () => [...'ok tmpsh'].map((letter) => new Uint8Array(Buffer.from(`${letter}....`))),
  mutate: (input, random, other) => mutateBytes(input, random, { other }),
  async run([first]) {
    switch (String.fromCharCode(first ?? 0)) {
      case 't':
        (undefined as unknown as { call(): void }).call();
        return;
      case 'm':
        kept.push(new Uint8Array(200 * 2 ** 20));
        kept.pop();
        return;
      case 'p':
        (Object.prototype as unknown as Record<string, boolean>).planted = true;
        return;
      case 's':
        throw new Error('no sentence');
      case 'h':
        for (;;);
      default:
        throw new Error('The file is not whole; write it again.');
    }
  },
};
