/** What a package may import, beyond its own files. */
export interface Dependencies {
  /** Packages of this workspace. */
  readonly siblings: readonly string[];
  /** Packages from the registry, each with the reason for it. */
  readonly npm: Readonly<Record<string, string>>;
  /** Files and folders that may import Node's own modules, and what only runs in Node, statically. Elsewhere: `await import()`. */
  readonly onlyNode?: Readonly<Record<string, string>>;
  /** Files in which the name in an `import()` may be computed. */
  readonly computed?: Readonly<Record<string, string>>;
}

const tfjs = { '@tensorflow/tfjs': 'the engine; a peer, so that there is one of it' };

/** The platforms that have native kernels. */
const platforms = ['darwin-arm64', 'darwin-x64', 'linux-arm64', 'linux-x64', 'win32-x64'];

/** What each package may import; an import that is not here fails the check. */
export const table: Readonly<Record<string, Dependencies>> = {
  '@blip2/tensor': {
    siblings: [],
    npm: tfjs,
    onlyNode: { 'src/file-system/node.ts': 'the Node half of #file-system; browsers get src/file-system/browser.ts' },
  },
  '@blip2/backend-simd': {
    siblings: [],
    npm: {
      ...tfjs,
      ...Object.fromEntries(platforms.map((name) => [`@blip2/native-${name}`, 'native kernels, one binary; optional'])),
    },
    computed: { 'src/platform.ts': "Node's own modules, hidden from bundlers for browsers" },
  },
  '@blip2/attention': {
    siblings: ['@blip2/tensor', '@blip2/backend-simd'],
    npm: {
      ...tfjs,
      '@tensorflow/tfjs-backend-webgpu':
        'the backend that the shaders are for; an optional peer, imported when asked for',
    },
  },
  '@blip2/backend-webgpu': {
    siblings: ['@blip2/tensor', '@blip2/backend-simd', '@blip2/attention'],
    npm: {
      ...tfjs,
      '@tensorflow/tfjs-backend-webgpu':
        'the backend that the shaders are for; an optional peer, imported when asked for',
    },
  },
  '@blip2/vision': { siblings: ['@blip2/tensor', '@blip2/attention'], npm: tfjs },
  '@blip2/qformer': { siblings: ['@blip2/tensor', '@blip2/attention'], npm: tfjs },
  '@blip2/llm': { siblings: ['@blip2/tensor', '@blip2/attention'], npm: tfjs },
  '@blip2/losses': { siblings: ['@blip2/tensor'], npm: tfjs },
  '@blip2/trainer': {
    siblings: ['@blip2/tensor'],
    npm: tfjs,
  },
  '@blip2/mpi': {
    siblings: ['@blip2/trainer'],
    npm: {
      ...tfjs,
      koffi: 'calls the MPI library that is installed, in process; its binaries are packages, and nothing is compiled',
    },
    onlyNode: { src: 'loads a library of the system' },
  },
  '@blip2/data': {
    siblings: ['@blip2/tensor'],
    npm: {
      ...tfjs,
      '@huggingface/tokenizers': 'reads every tokenizer.json; BPE, Unigram and WordPiece need no second implementation',
      '@noble/hashes': 'keys of caches, in pages without https too, which have no WebCrypto',
      sharp: 'decodes images in Node',
    },
    onlyNode: { 'src/platform/node.ts': 'the Node half of #platform; browsers get src/platform/browser.ts' },
  },
  '@blip2/datasets': {
    siblings: ['@blip2/tensor', '@blip2/data'],
    npm: {
      'brace-expansion': 'the shards that `{000..012}` names, also in addresses, which no glob expands',
      'csv-parse': 'tables with quotes and line breaks in cells, as a stream',
      'modern-tar': 'tar shards as a stream, with long names and limits; no dependencies of its own',
      tinyglobby: 'lists folders and patterns',
    },
    onlyNode: { src: 'reads files on disk' },
  },
  '@blip2/emoji': {
    siblings: ['@blip2/tensor', '@blip2/data'],
    npm: {
      sharp: 'draws the SVG bodies of the icons',
      'emojibase-data': 'labels, tags and groups',
      '@iconify-json/fluent-emoji': 'drawings',
      '@iconify-json/fluent-emoji-flat': 'drawings',
      '@iconify-json/noto': 'drawings, the test',
      '@iconify-json/openmoji': 'drawings',
      '@iconify-json/twemoji': 'drawings',
    },
    onlyNode: { src: 'renders with sharp and caches on disk: a data set for training in Node' },
  },
  '@blip2/metrics': { siblings: [], npm: {} },
  '@blip2/starter': {
    siblings: [],
    npm: {},
  },
  '@blip2/training': {
    siblings: [
      '@blip2/tensor',
      '@blip2/backend-simd',
      '@blip2/backend-webgpu',
      '@blip2/attention',
      '@blip2/vision',
      '@blip2/qformer',
      '@blip2/llm',
      '@blip2/losses',
      '@blip2/trainer',
      '@blip2/data',
    ],
    npm: tfjs,
  },
  '@blip2/hub': {
    siblings: ['@blip2/tensor'],
    npm: {
      '@noble/hashes': 'checksums of files that are read piece by piece, in browsers, whose own digest cannot do that',
    },
    onlyNode: { 'src/node': 'the Node half of #store: the cache of huggingface_hub on disk; browsers get src/browser' },
  },
  '@blip2/models': {
    siblings: [
      '@blip2/tensor',
      '@blip2/backend-simd',
      '@blip2/vision',
      '@blip2/qformer',
      '@blip2/llm',
      '@blip2/losses',
      '@blip2/data',
      '@blip2/training',
      '@blip2/hub',
      '@blip2/starter',
    ],
    npm: tfjs,
    onlyNode: { 'src/system/node.ts': 'the Node half of #system; browsers get src/system/browser.ts' },
  },
  '@blip2/convert': {
    siblings: ['@blip2/tensor', '@blip2/vision', '@blip2/qformer', '@blip2/data', '@blip2/hub', '@blip2/models'],
    npm: tfjs,
  },
  '@blip2/search': {
    siblings: ['@blip2/tensor', '@blip2/qformer', '@blip2/losses', '@blip2/data', '@blip2/training', '@blip2/models'],
    npm: {
      ...tfjs,
      '@noble/hashes': 'the fingerprint of a model, in pages without https too, which have no WebCrypto',
      zod: 'the schema of an index',
      usearch: 'approximate search over very many images; an optional peer, imported when asked for',
    },
  },
  '@blip2/server': {
    siblings: [
      '@blip2/data',
      '@blip2/qformer',
      '@blip2/training',
      '@blip2/hub',
      '@blip2/models',
      '@blip2/search',
      '@blip2/starter',
    ],
    npm: {
      ...tfjs,
      hono: 'routes, answers and server-sent events; no dependencies of its own',
      '@hono/node-server': "hono on Node's http server; files of the page",
      birpc: 'calls between the server and the thread of the model, in both directions',
      'ipaddr.js': 'which addresses are not of the public internet',
      zod: 'the schemas of requests',
    },
    onlyNode: { src: 'a server' },
  },
  '@blip2/web': {
    siblings: [
      '@blip2/tensor',
      '@blip2/trainer',
      '@blip2/data',
      '@blip2/training',
      '@blip2/models',
      '@blip2/search',
      '@blip2/explain',
    ],
    npm: { ...tfjs, birpc: 'calls between the page and the worker, in both directions' },
  },
  '@blip2/report': {
    siblings: ['@blip2/tensor', '@blip2/data'],
    npm: {},
  },
  '@blip2/explain': {
    siblings: ['@blip2/tensor', '@blip2/qformer', '@blip2/data', '@blip2/training', '@blip2/models', '@blip2/report'],
    npm: {
      ...tfjs,
      'opentype.js': 'reads the font, for text as outlines',
      '@fontsource/inter': 'the font of sheets',
      sharp: 'rasterizes sheets',
    },
    onlyNode: { 'src/platform/node.ts': 'the Node half of #platform; browsers get src/platform/browser.ts' },
  },
  '@blip2/runs': {
    siblings: [
      '@blip2/tensor',
      '@blip2/backend-simd',
      '@blip2/vision',
      '@blip2/qformer',
      '@blip2/losses',
      '@blip2/trainer',
      '@blip2/data',
      '@blip2/metrics',
      '@blip2/starter',
      '@blip2/training',
      '@blip2/hub',
      '@blip2/report',
      '@blip2/models',
    ],
    npm: { ...tfjs, zod: 'the schemas of configurations' },
    onlyNode: { src: 'reads configurations and writes run folders on disk' },
  },
  '@blip2/image-text': {
    siblings: [
      '@blip2/tensor',
      '@blip2/vision',
      '@blip2/trainer',
      '@blip2/data',
      '@blip2/datasets',
      '@blip2/metrics',
      '@blip2/starter',
      '@blip2/training',
      '@blip2/models',
      '@blip2/runs',
    ],
    npm: { ...tfjs, zod: 'the schema of the configuration' },
    onlyNode: { src: 'decodes in threads, and keeps features on disk' },
  },
  '@blip2/demo': {
    siblings: [
      '@blip2/tensor',
      '@blip2/trainer',
      '@blip2/data',
      '@blip2/emoji',
      '@blip2/training',
      '@blip2/models',
      '@blip2/report',
      '@blip2/explain',
      '@blip2/runs',
      '@blip2/starter',
    ],
    npm: { ...tfjs, zod: 'the schemas of the demo configuration' },
    onlyNode: { src: 'trains in Node, on images that are drawn and kept on disk' },
  },
  blip2: {
    siblings: [
      '@blip2/tensor',
      '@blip2/data',
      '@blip2/datasets',
      '@blip2/training',
      '@blip2/hub',
      '@blip2/image-text',
      '@blip2/models',
      '@blip2/convert',
      '@blip2/search',
      '@blip2/explain',
      '@blip2/runs',
      '@blip2/server',
      '@blip2/demo',
      '@blip2/mpi',
    ],
    npm: { ...tfjs, commander: 'the command line' },
    computed: { 'src/cli/own-models.ts': "a user's own module, by its path" },
    onlyNode: { src: 'the command line; model folders on disk' },
  },
};
