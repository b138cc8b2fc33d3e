import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../../', import.meta.url);
const pathOf = (path) => fileURLToPath(new URL(path, root));

/** The sources of every entry of every package, by the name under which it is imported. */
export const entries = new Map(
  readdirSync(new URL('packages', root)).flatMap((folder) => {
    const { name, exports } = JSON.parse(readFileSync(new URL(`packages/${folder}/package.json`, root), 'utf8'));
    return Object.entries(exports)
      .filter(([, entry]) => typeof entry === 'object')
      .map(([key, entry]) => [name + key.slice(1), pathOf(`packages/${folder}/${entry['@blip2/source']}`)]);
  }),
);

/** Operations that one comment describes together. */
const augmentations = [
  'Identity',
  'AutoContrast',
  'Brightness',
  'Sharpness',
  'Equalize',
  'ShearX',
  'ShearY',
  'TranslateX',
  'TranslateY',
  'Rotate',
];

export default {
  name: 'blip2',
  entryPoints: [...entries.values()],
  entryPointStrategy: 'resolve',
  tsconfig: pathOf('tools/docs/tsconfig.json'),
  plugin: [pathOf('tools/docs/module-names.js')],
  out: pathOf('docs/api'),
  readme: 'none',
  skipErrorChecking: true, // `npm run typecheck` does, with the compiler of this repository
  disableSources: true,
  excludePrivate: true,
  excludeInternal: true,
  validation: { notExported: true, invalidLink: true, invalidPath: true, rewrittenLink: true, notDocumented: true },
  packagesRequiringDocumentation: [...entries.keys()].filter((name) => /^(@blip2\/)?[^/]+$/.test(name)),
  requiredToBeDocumented: ['Enum', 'Variable', 'Function', 'Class', 'Interface', 'TypeAlias'],
  intentionallyNotDocumented: augmentations.map((name) => `@blip2/data.augmentOperations.__type.${name}`),
  treatWarningsAsErrors: true,
  treatValidationWarningsAsErrors: true,
};
