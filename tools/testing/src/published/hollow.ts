import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface HollowOptions {
  /** Names and shapes of all tensors. */
  readonly tensors: ReadonlyMap<string, readonly number[]>;
  readonly dtype: 'F32' | 'F16' | 'BF16';
  /** Default 1: a single `model.safetensors`. */
  readonly shards?: number;
}

/**
 * Writes safetensors files of true size whose headers are real and whose data are a hole: they take no room on the disk,
 * and every value reads as zero.
 * @returns the bytes of the files as they seem to be
 */
export async function writeHollow(folder: string, { tensors, dtype, shards = 1 }: HollowOptions): Promise<number> {
  await mkdir(folder, { recursive: true });
  const size = dtype === 'F32' ? 4 : 2;
  const all = [...tensors];
  const each = Math.ceil(all.length / shards);
  const map: Record<string, string> = {};
  let total = 0;
  for (let i = 0; i < shards; i++) {
    const file = shards === 1 ? 'model.safetensors' : `model-${digits(i + 1)}-of-${digits(shards)}.safetensors`;
    const header: Record<string, unknown> = {};
    let at = 0;
    for (const [name, shape] of all.slice(i * each, (i + 1) * each)) {
      const begin = at;
      at += size * shape.reduce((a, b) => a * b, 1);
      header[name] = { dtype, shape, data_offsets: [begin, at] };
      map[name] = file;
    }
    total += await hollowFile(join(folder, file), header, at);
  }
  if (shards > 1) await writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: map }));
  return total;
}

async function hollowFile(path: string, header: object, data: number): Promise<number> {
  const text = JSON.stringify(header);
  const bytes = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  const file = await open(path, 'w');
  try {
    await file.writev([length, bytes]);
    await file.truncate(8 + bytes.length + data);
  } finally {
    await file.close();
  }
  return 8 + bytes.length + data;
}

const digits = (n: number): string => String(n).padStart(5, '0');
