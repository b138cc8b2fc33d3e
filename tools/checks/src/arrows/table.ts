/** What a package may import, beyond its own files. */
export interface Arrows {
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

/** The arrows between the packages; an import that is not here fails the check. */
export const table: Readonly<Record<string, Arrows>> = {
  '@blip2/tensor': {
    siblings: [],
    npm: tfjs,
    computed: { 'src/safetensors/bytes.ts': "Node's file system, hidden from bundlers for browsers" },
  },
  '@blip2/backend-simd': {
    siblings: [],
    npm: tfjs,
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
  '@blip2/vision': { siblings: ['@blip2/tensor', '@blip2/attention'], npm: tfjs },
  '@blip2/qformer': { siblings: ['@blip2/tensor', '@blip2/attention'], npm: tfjs },
  '@blip2/llm': { siblings: ['@blip2/tensor', '@blip2/attention'], npm: tfjs },
  '@blip2/losses': { siblings: ['@blip2/tensor'], npm: tfjs },
  '@blip2/trainer': {
    siblings: ['@blip2/tensor'],
    npm: tfjs,
    computed: { 'src/checkpoint/node.ts': "Node's file system, hidden from bundlers for browsers" },
  },
  '@blip2/data': {
    siblings: ['@blip2/tensor'],
    npm: {
      ...tfjs,
      '@huggingface/tokenizers': 'reads every tokenizer.json; BPE, Unigram and WordPiece need no second implementation',
      sharp: 'decodes images in Node',
    },
    onlyNode: { 'src/platform/node.ts': 'the Node half of #platform; browsers get src/platform/browser.ts' },
  },
  '@blip2/emoji': {
    siblings: ['@blip2/data'],
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
    onlyNode: { src: 'says where its model folders lie on disk' },
  },
  blip2: {
    siblings: [
      '@blip2/tensor',
      '@blip2/backend-simd',
      '@blip2/attention',
      '@blip2/vision',
      '@blip2/qformer',
      '@blip2/llm',
      '@blip2/losses',
      '@blip2/trainer',
      '@blip2/data',
      '@blip2/emoji',
      '@blip2/metrics',
      '@blip2/starter',
    ],
    npm: {
      ...tfjs,
      zod: 'configs',
      commander: 'the command line',
      usearch: 'approximate search over very many images; an optional peer, imported when asked for',
    },
    onlyNode: { src: 'the command line and model folders on disk; it has no browser entry yet' },
  },
};
