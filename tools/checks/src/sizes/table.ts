/** The most that a package may weigh, in kB (1000 bytes). */
export interface Ceiling {
  /** The packed tarball. */
  readonly tarball: number;
  /** The main entry, bundled and minified, without what it depends on. */
  readonly bundle: number;
  readonly why: string;
}

export const ceilings: Readonly<Record<string, Ceiling>> = {
  '@blip2/tensor': { tarball: 60, bundle: 40, why: 'specs, layers, one file format' },
  '@blip2/backend-simd': { tarball: 200, bundle: 150, why: 'two wasm modules beside the code, plain and relaxed SIMD' },
  '@blip2/attention': { tarball: 30, bundle: 15, why: 'a few functions' },
  '@blip2/vision': { tarball: 60, bundle: 40, why: 'one forward for five families, and their tables of names' },
  '@blip2/qformer': { tarball: 60, bundle: 40, why: 'one model' },
  '@blip2/llm': { tarball: 80, bundle: 50, why: 'one model, decoding' },
  '@blip2/losses': { tarball: 30, bundle: 15, why: 'a few functions' },
  '@blip2/trainer': { tarball: 60, bundle: 40, why: 'optimiser, loop, checkpoints' },
  '@blip2/data': { tarball: 80, bundle: 50, why: 'decoding, resizing, tokenizers' },
  '@blip2/emoji': { tarball: 80, bundle: 60, why: 'code and the list of candidates; the drawings are dependencies' },
  '@blip2/metrics': { tarball: 30, bundle: 15, why: 'a few functions' },
  '@blip2/starter': { tarball: 25_000, bundle: 10, why: 'the weights of three small models in half precision' },
  blip2: { tarball: 120, bundle: 100, why: 'wiring and the command line' },
};
