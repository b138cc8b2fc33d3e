import { readFile } from 'node:fs/promises';
import { openTorch } from '@blip2/tensor/torch';
import { fixture } from '@blip2/testing';
import { unclear } from '@blip2/testing/untrusted';
import { join, mutateBytes } from '../mutate/bytes.js';
import { type Entry, packZip, unpackZip } from '../mutate/zip.js';
import { type Target, Unsound } from '../target.js';

const files = ['zip.pth', 'legacy.pth', 'protocol4.pth', 'state.pth', 'untyped.pth'];
const PICKLE = 'data.pkl';

const latin1 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));
const text = (value: string): Uint8Array =>
  join([latin1('X'), new Uint8Array(Uint32Array.of(value.length).buffer), latin1(value)]);

/** Every opcode of every protocol, and what attackers and torch itself call. */
const words = [
  ...'cR(btlQhq}]sueaXJKMGN0.2irjdpgIVLFSPoB1C\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x90\x91\x92\x93\x94\x95\x96\x97\x98',
].map(latin1);
const phrases = [
  latin1('cos\nsystem\n'),
  latin1('cposix\nsystem\n'),
  latin1('cbuiltins\neval\n'),
  latin1('c__builtin__\nexec\n'),
  latin1('cbuiltins\ngetattr\n'),
  latin1('ctorch\nFloatStorage\n'),
  latin1('ctorch._utils\n_rebuild_tensor_v2\n'),
  latin1('ctorch._utils\n_rebuild_parameter\n'),
  latin1('ccollections\nOrderedDict\n'),
  latin1('c__proto__\nconstructor\n'),
  latin1('(X\x04\x00\x00\x00truetR'),
  latin1('\x8a\xff'),
  latin1('\x8b\xff\xff\xff\x7f'),
  ...['__proto__', 'constructor', 'model', 'state_dict', 'storage', 'cpu'].map(text),
];

/** Files of torch.save, of both formats: their bytes, and within zip archives the pickle. */
export const torch: Target = {
  name: 'torch',

  seeds: async () => Promise.all(files.map(async (file) => new Uint8Array(await readFile(fixture(`torch/${file}`))))),

  mutate(input, random, other) {
    const entries = random.chance(0.6) ? unpackZip(input) : undefined;
    const all = [...words, ...phrases];
    if (!entries) return mutateBytes(input, random, { words: all, other });
    const at = entries.findIndex(({ name }) => name.endsWith(PICKLE));
    const changed = entries.map((entry, i): Entry => {
      if (i !== at && !random.chance(0.05)) return entry;
      return { name: entry.name, data: mutateBytes(entry.data, random, { words: all, other }) };
    });
    return packZip(changed);
  },

  async run(input) {
    const source = await openTorch(input);
    try {
      for (const [name, { shape }] of source.names) {
        const values = await source.read(name).catch((error: unknown) => {
          if (unclear(error)) throw error;
          return undefined; // a number format without conversion, say; the others are read
        });
        const count = shape.reduce((a, b) => a * b, 1);
        if (values && values.length !== count)
          throw new Unsound(`${name} has ${values.length} values instead of ${count}`);
      }
    } finally {
      await source.close();
    }
  },
};
