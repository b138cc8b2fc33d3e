/** The most that a package may weigh. */
export interface Ceiling {
  /** The packed tarball, in kB (1000 bytes). */
  readonly tarball: number;
  /** The main entry, bundled and minified, without what it depends on, in kB. */
  readonly bundle: number;
  /** The file for pages without a bundler, dist/blip2.js, in kB, of packages that have one. */
  readonly prebuilt?: number;
  /** Lines of its sources without tests; {@link LINES} where it is not given. */
  readonly lines?: number;
  readonly why: string;
}

/** The most lines of a package without a ceiling of its own: what grows beyond it holds two ideas, and can be split. */
export const LINES = 3500;

/** About one and a half times what the packages weighed when their row was last set. */
export const ceilings: Readonly<Record<string, Ceiling>> = {
  '@blip2/tensor': {
    tarball: 135,
    bundle: 36,
    lines: 7500,
    why: 'specs, layers, named ops, packed matrices, and file formats with entries of their own; files of Node, servers and pages',
  },
  '@blip2/backend-simd': {
    tarball: 120,
    bundle: 71,
    lines: 4500,
    why: 'kernels of over a hundred ops, in two wasm modules: plain and relaxed SIMD',
  },
  '@blip2/attention': {
    tarball: 52,
    bundle: 42,
    why: 'masks, rotary positions, a cache, two wasm modules of fused kernels, and shaders, which no minifier shortens',
  },
  '@blip2/backend-webgpu': {
    tarball: 36,
    bundle: 38,
    why: 'shaders, which no minifier shortens; a self-check, and the choice of a device',
  },
  '@blip2/vision': { tarball: 45, bundle: 35, why: 'two forwards for six families, and their tables of names' },
  '@blip2/qformer': { tarball: 30, bundle: 25, why: 'one model' },
  '@blip2/llm': {
    tarball: 75,
    bundle: 62,
    why: 'three families of models and their adapters; decoding by search and by sampling',
  },
  '@blip2/losses': { tarball: 15, bundle: 10, why: 'a few functions' },
  '@blip2/trainer': { tarball: 40, bundle: 30, why: 'optimizer, loop, checkpoints' },
  '@blip2/mpi': { tarball: 18, bundle: 12, why: 'three binary interfaces, collective operations, and who is missing' },
  '@blip2/data': { tarball: 68, bundle: 48, why: 'decoding, of PNG in pages too, resizing, tokenizers, readers' },
  '@blip2/datasets': { tarball: 40, bundle: 55, why: 'readers of six layouts, and streams of shards by http' },
  '@blip2/emoji': { tarball: 40, bundle: 35, why: 'code and the list of candidates; the drawings are dependencies' },
  '@blip2/metrics': { tarball: 20, bundle: 18, why: 'a few functions; a tokenizer with its classes of characters' },
  '@blip2/starter': {
    tarball: 25_000,
    bundle: 10,
    why: 'the weights of three small models and of a trained BLIP-2 between them, in half precision',
  },
  '@blip2/training': {
    tarball: 55,
    bundle: 38,
    why: 'the specs, losses, batches and loops of both stages; rules of what is trained, adapters, recipes',
  },
  '@blip2/hub': { tarball: 42, bundle: 28, why: 'downloads that resume; the cache in Node, the storage of a page' },
  '@blip2/models': {
    tarball: 72,
    bundle: 58,
    lines: 4000,
    why: 'reading, writing and using model folders of every kind, from wherever Node or a page has them',
  },
  '@blip2/convert': { tarball: 18, bundle: 16, why: 'tables of names and one pass over the tensors' },
  '@blip2/search': { tarball: 20, bundle: 16, why: 'an index file, exact and approximate search' },
  '@blip2/server': {
    tarball: 950,
    bundle: 44,
    why: 'routes, a queue, images from the web, the thread of the model; and the built web page, without the starter',
  },
  '@blip2/web': {
    tarball: 1100,
    bundle: 12,
    prebuilt: 3300,
    why: 'the proxy in the page; in the worker the calls, and training; one file with all of it, TensorFlow.js and the kernels too',
  },
  '@blip2/report': { tarball: 35, bundle: 37, why: 'pages, plots, and their styles' },
  '@blip2/explain': { tarball: 25, bundle: 22, why: 'maps, and sheets as SVG, PNG and HTML' },
  '@blip2/runs': {
    tarball: 66,
    bundle: 60,
    why: 'configurations, training and evaluation from end to end, plans of memory and disk, event files of TensorBoard',
  },
  '@blip2/image-text': { tarball: 30, bundle: 26, why: 'features on disk, batches and tasks of images with texts' },
  '@blip2/demo': {
    tarball: 24,
    bundle: 22,
    why: 'the presets of the demo, its evaluation, and which words of a caption are learned',
  },
  blip2: {
    tarball: 48,
    bundle: 2,
    lines: 2300,
    why: 'the command line of fifteen commands and re-exports: what does the work lies elsewhere',
  },
};
