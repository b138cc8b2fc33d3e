/** The most that a package may weigh, in kB (1000 bytes). */
export interface Ceiling {
  /** The packed tarball. */
  readonly tarball: number;
  /** The main entry, bundled and minified, without what it depends on. */
  readonly bundle: number;
  readonly why: string;
}

/** About one and a half times what the packages weighed when their row was last set. */
export const ceilings: Readonly<Record<string, Ceiling>> = {
  '@blip2/tensor': { tarball: 82, bundle: 20, why: 'specs, layers, two file formats' },
  '@blip2/backend-simd': {
    tarball: 100,
    bundle: 65,
    why: 'kernels of over a hundred ops, in two wasm modules: plain and relaxed SIMD',
  },
  '@blip2/attention': {
    tarball: 50,
    bundle: 42,
    why: 'masks, rotary positions, a cache, two wasm modules of fused kernels, and shaders, which no minifier shortens',
  },
  '@blip2/vision': { tarball: 45, bundle: 35, why: 'two forwards for six families, and their tables of names' },
  '@blip2/qformer': { tarball: 30, bundle: 25, why: 'one model' },
  '@blip2/llm': { tarball: 55, bundle: 42, why: 'two families of models; decoding by search and by sampling' },
  '@blip2/losses': { tarball: 15, bundle: 10, why: 'a few functions' },
  '@blip2/trainer': { tarball: 40, bundle: 30, why: 'optimiser, loop, checkpoints' },
  '@blip2/data': { tarball: 50, bundle: 40, why: 'decoding, resizing, tokenizers' },
  '@blip2/emoji': { tarball: 40, bundle: 35, why: 'code and the list of candidates; the drawings are dependencies' },
  '@blip2/metrics': { tarball: 15, bundle: 12, why: 'a few functions' },
  '@blip2/starter': { tarball: 25_000, bundle: 10, why: 'the weights of three small models in half precision' },
  blip2: { tarball: 215, bundle: 190, why: 'wiring, presets, hub, convert, search, drawings, and the command line' },
};
