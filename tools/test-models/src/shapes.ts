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
export type ShapesLayout = 'jsonl' | 'metadata' | 'csv' | 'txt' | 'coco' | 'karpathy' | 'flickr30k' | 'vqa';

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
  for (const { file, png } of items) await write(file, png);
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
      return write('dataset.json', {
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
    case 'vqa':
      return write('captions.jsonl', lines(items.map(({ file, questions }) => ({ file_name: file, questions }))));
  }
}
