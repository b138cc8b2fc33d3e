import { closeSync, existsSync, openSync, readSync, renameSync, statSync, writeSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import type { Drawing } from './drawings.js';
import { SIZE } from './encoder/places.js';

const BYTES = SIZE * SIZE * 4;

export interface DrawingsFile {
  /** A drawing with its transparency, `[S,S,4]`, colors not multiplied by alpha. */
  read(drawing: number): Uint8Array;
  close(): void;
}

/** Renders every drawing once, in the encoder's size, into `drawings.rgba`, and opens that. */
export async function openDrawings(folder: string, drawings: readonly Drawing[]): Promise<DrawingsFile> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, 'drawings.rgba');
  if (!existsSync(path) || statSync(path).size !== BYTES * drawings.length) await render(path, drawings);
  const file = openSync(path, 'r');
  return {
    read(drawing) {
      const image = new Uint8Array(BYTES);
      readSync(file, image, 0, BYTES, drawing * BYTES);
      return image;
    },
    close: () => closeSync(file),
  };
}

async function render(path: string, drawings: readonly Drawing[]): Promise<void> {
  const partial = `${path}.part`;
  const file = openSync(partial, 'w');
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < drawings.length; i = next++) {
      writeSync(file, await rendered(drawings[i] as Drawing), 0, BYTES, i * BYTES);
    }
  };
  await Promise.all(Array.from({ length: 4 }, worker));
  closeSync(file);
  renameSync(partial, path);
}

function rendered({ body, width, height }: Drawing): Promise<Uint8Array> {
  const names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"';
  const svg = `<svg ${names} viewBox="0 0 ${width} ${height}" width="${SIZE}" height="${SIZE}" color="#333">${body}</svg>`;
  return sharp(Buffer.from(svg)).toColorspace('srgb').ensureAlpha().raw().toBuffer();
}
