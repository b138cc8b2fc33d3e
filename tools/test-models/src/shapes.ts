import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { encodePng } from '@blip2/data';

/** A drawn image of a colored shape, with its texts. */
export interface Shape {
  /** Its path in the folder. */
  readonly file: string;
  readonly color: string;
  readonly shape: string;
  readonly captions: readonly string[];
  readonly questions: readonly { readonly question: string; readonly answers: readonly string[] }[];
  readonly png: Uint8Array;
}

/** The layouts in which `writeShapes` writes a data set. */
export const shapesLayouts = [
  'jsonl',
  'metadata',
  'csv',
  'txt',
  'coco',
  'karpathy',
  'flickr30k',
  'questions',
  'vqa',
  'webdataset',
] as const;
export type ShapesLayout = (typeof shapesLayouts)[number];

const colors = {
  red: [220, 40, 40],
  green: [40, 170, 60],
  blue: [50, 80, 220],
  yellow: [240, 210, 40],
  purple: [150, 60, 180],
} as const;

/** Whether a point, both coordinates from -1 to 1, lies in a shape. */
const shapes: Readonly<Record<string, (x: number, y: number) => boolean>> = {
  circle: (x, y) => x * x + y * y < 0.5,
  square: (x, y) => Math.max(Math.abs(x), Math.abs(y)) < 0.6,
  triangle: (x, y) => y > -0.6 && y < 0.6 && Math.abs(x) < (y + 0.6) / 1.6,
  ring: (x, y) => x * x + y * y < 0.6 && x * x + y * y > 0.2,
};

const SIDE = 64;

/** Draws images of colored shapes at different places, sizes and backgrounds; the same number gives the same images. */
export async function drawShapes(count: number, first = 0): Promise<Shape[]> {
  const kinds = Object.entries(colors).flatMap(([color, rgb]) =>
    Object.entries(shapes).map(([shape, inside]) => ({ color, rgb, shape, inside })),
  );
  return Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const n = first + i;
      const kind = kinds[(n * 7) % kinds.length]!;
      const data = new Uint8Array(SIDE * SIDE * 3).fill(200 + ((n * 13) % 50));
      const [size, dx, dy] = [0.7 + ((n * 5) % 7) / 20, ((n * 3) % 5) / 10 - 0.2, ((n * 11) % 5) / 10 - 0.2];
      for (let y = 0; y < SIDE; y++) {
        for (let x = 0; x < SIDE; x++) {
          const at = (side: number, shift: number) => ((2 * side) / SIDE - 1 - shift) / size;
          if (kind.inside(at(x, dx), at(y, dy))) data.set(kind.rgb, (y * SIDE + x) * 3);
        }
      }
      const { color, shape } = kind;
      return {
        file: `images/${String(n).padStart(4, '0')}.png`,
        color,
        shape,
        captions: [`A ${color} ${shape}.`, `There is a ${shape} that is ${color}`],
        questions: [
          { question: 'What color is it?', answers: [color] },
          { question: 'What shape is it?', answers: [shape] },
        ],
        png: await encodePng({ width: SIDE, height: SIDE, data }),
      };
    }),
  );
}

/** Writes a data set of drawn shapes into a folder, in one of the layouts that people have. */
export async function writeShapes(folder: string, layout: ShapesLayout, items: readonly Shape[]): Promise<void> {
  const write = async (name: string, content: string | Uint8Array | object): Promise<void> => {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    const isRaw = typeof content === 'string' || content instanceof Uint8Array;
    await writeFile(path, isRaw ? content : JSON.stringify(content));
  };
  if (layout !== 'webdataset') for (const { file, png } of items) await write(file, png);
  const lines = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  const name = ({ file }: Shape): string => file.slice('images/'.length);
  switch (layout) {
    case 'jsonl':
      return write('captions.jsonl', lines(items.map(({ file, captions }) => ({ file_name: file, captions }))));
    case 'metadata': {
      const rows = items.flatMap(({ file, captions }) => captions.map((text) => ({ file_name: file, text })));
      return write('metadata.jsonl', lines(rows));
    }
    case 'csv': {
      const rows = items.flatMap(({ file, captions }) => captions.map((text) => `${file},"${text}"`));
      return write('captions.csv', `image,caption\n${rows.join('\n')}\n`);
    }
    case 'txt':
      for (const { file, captions } of items) await write(file.replace('.png', '.txt'), captions.join('\n'));
      return;
    case 'coco':
      return write('annotations/captions_train.json', {
        images: items.map((item, id) => ({ id, file_name: name(item) })),
        annotations: items.flatMap(({ captions }, image_id) =>
          captions.map((caption, i) => ({ id: image_id * 10 + i, image_id, caption })),
        ),
      });
    case 'karpathy':
      return write('dataset_coco.json', {
        images: items.map((item, imgid) => ({
          imgid,
          filepath: 'images',
          filename: name(item),
          split: 'train',
          sentences: item.captions.map((raw) => ({ raw })),
        })),
      });
    case 'flickr30k':
      return write(
        'results.csv',
        `image_name| comment_number| comment\n${items
          .flatMap((item) => item.captions.map((text, i) => `${name(item)}| ${i}| ${text}`))
          .join('\n')}\n`,
      );
    case 'questions':
      return write('captions.jsonl', lines(items.map(({ file, questions }) => ({ file_name: file, questions }))));
    case 'vqa': {
      const asked = items.flatMap(({ file, questions }, image_id) =>
        questions.map((one, i) => ({ ...one, file_name: file, image_id, question_id: image_id * 10 + i })),
      );
      await write('annotations/v2_OpenEnded_mscoco_train2014_questions.json', {
        questions: asked.map(({ answers: _, ...question }) => question),
      });
      return write('annotations/v2_mscoco_train2014_annotations.json', {
        annotations: asked.map(({ image_id, question_id, answers: [answer] }) => ({
          image_id,
          question_id,
          answers: Array.from({ length: 10 }, (_, i) => ({ answer, answer_id: i + 1 })),
        })),
      });
    }
    case 'webdataset': {
      const half = Math.ceil(items.length / 2);
      for (const [shard, some] of [items.slice(0, half), items.slice(half)].entries()) {
        const files = some.flatMap((item) => {
          const key = name(item).replace('.png', '');
          return [
            tarEntry(`${key}.png`, item.png),
            tarEntry(`${key}.json`, JSON.stringify({ captions: item.captions })),
          ];
        });
        await write(`00${shard}.tar`, Buffer.concat([...files, Buffer.alloc(1024)]));
      }
      return;
    }
  }
}

/** A file of a tar archive, in blocks of 512 bytes. */
function tarEntry(name: string, content: Uint8Array | string): Buffer {
  const body = Buffer.from(content);
  const header = Buffer.alloc(512);
  const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, '0')}\0`;
  const fields = [
    name.padEnd(100, '\0'),
    octal(0o644, 8),
    octal(0, 8),
    octal(0, 8),
    octal(body.length, 12),
    octal(0, 12),
  ];
  header.write(`${fields.join('')}        0`, 'latin1');
  header.write('ustar\u000000', 257, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(octal(sum, 7).padEnd(8, ' '), 148, 'latin1');
  return Buffer.concat([header, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}
