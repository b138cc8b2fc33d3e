import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { type Drawing, drawingsOf, OTHERS, STUDIOS } from './drawings.js';
import { listViews, viewSvg } from './views.js';

/** Side of the images that the teacher sees; the student sees them at half of it. */
export const TEACHER_SIZE = 224;
export const STUDENT_SIZE = TEACHER_SIZE / 2;
/** Cells of the teacher's map, and the principal components kept of each. */
export const CELLS = 49;
export const COMPONENTS = 256;

export interface TeachOptions {
  /** Where `views.rgb` and `features.f16` go. */
  folder: string;
  python: string;
  /** The teacher's weights, a `.pth` file. */
  weights: string;
  seed: number;
}

/** All drawings that the student may see. */
export const allDrawings = (): Drawing[] => [...STUDIOS, ...OTHERS].flatMap(drawingsOf);

/** How many scenes are made of them. */
const SCENES = 4_000;

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** Renders the views, has the teacher look at them, and keeps its maps beside the student's smaller images. */
export async function teach({ folder, python, weights, seed }: TeachOptions): Promise<void> {
  await mkdir(folder, { recursive: true });
  const drawings = allDrawings();
  const views = listViews(drawings.length, SCENES, seed);
  const svgs = views.map((view) => () => viewSvg(view, drawings, seed));
  await look(svgs, { folder, name: 'train', python, weights });
}

/** Runs the teacher over images given as SVG: writes `NAME.rgb` (student's size) and `NAME.f16` (its maps). */
export async function look(
  svgs: readonly (() => string)[],
  { folder, name, python, weights }: { folder: string; name: string; python: string; weights: string },
): Promise<void> {
  const images = join(folder, `${name}.rgb`);
  const features = join(folder, `${name}.f16`);
  if ((await exists(images)) && (await exists(features))) return;
  const script = fileURLToPath(new URL('../../reference/teacher.py', import.meta.url));
  const args = ['--weights', weights, '--basis', join(folder, 'basis.npz'), '--components', String(COMPONENTS)];
  const teacher = spawn(python, [script, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve, reject) => {
    teacher.on('error', reject);
    teacher.on('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`The teacher stopped with code ${code}.`)),
    );
  });
  const small = createWriteStream(`${images}.part`);
  const written = pipeline(teacher.stdout, createWriteStream(`${features}.part`));
  for await (const image of rendered(svgs)) {
    if (!teacher.stdin.write(image)) await once(teacher.stdin, 'drain');
    if (!small.write(halved(image, TEACHER_SIZE))) await once(small, 'drain');
  }
  teacher.stdin.end();
  await Promise.all([ended, written, once(small.end(), 'finish')]);
  await rename(`${images}.part`, images);
  await rename(`${features}.part`, features);
}

/** Renders ahead of what is asked for, so that both cores have work. */
async function* rendered(svgs: readonly (() => string)[], ahead = 8): AsyncGenerator<Uint8Array> {
  const render = async (svg: string): Promise<Uint8Array> =>
    sharp(Buffer.from(svg), { density: (72 * TEACHER_SIZE) / 100 })
      .resize(TEACHER_SIZE, TEACHER_SIZE, { fit: 'fill' })
      .flatten({ background: '#fff' })
      .raw()
      .toBuffer();
  const waiting: Promise<Uint8Array>[] = [];
  for (const [i, svg] of svgs.entries()) {
    waiting.push(render(svg()));
    if (waiting.length > ahead) yield await (waiting.shift() as Promise<Uint8Array>);
    if (i % 1000 === 0) process.stderr.write(`\r${i} of ${svgs.length} views`);
  }
  for (const image of waiting) yield await image;
  process.stderr.write(`\r${svgs.length} of ${svgs.length} views\n`);
}

/** The mean of each 2x2 square of an RGB image. */
export function halved(image: Uint8Array, size: number): Uint8Array {
  const half = size / 2;
  const out = new Uint8Array(half * half * 3);
  for (let y = 0; y < half; y++) {
    for (let x = 0; x < half; x++) {
      for (let c = 0; c < 3; c++) {
        const i = (2 * y * size + 2 * x) * 3 + c;
        const row = size * 3;
        const sum = image[i]! + image[i + 3]! + image[i + row]! + image[i + row + 3]!;
        out[(y * half + x) * 3 + c] = (sum + 2) >> 2;
      }
    }
  }
  return out;
}
