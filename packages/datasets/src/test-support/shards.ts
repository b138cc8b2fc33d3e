import { packTar } from 'modern-tar';
import { drawImage } from './files.js';

/** A tar file with entries by their names: texts, bytes, values as JSON, and an image for `null`. */
export async function tar(
  files: Readonly<Record<string, unknown>> | readonly (readonly [string, unknown])[],
): Promise<Uint8Array> {
  const all = Array.isArray(files) ? files : Object.entries(files);
  const entries = await Promise.all(
    (all as readonly (readonly [string, unknown])[]).map(async ([name, content]) => {
      const raw = content === null ? await drawImage(name, 1) : content;
      const body = typeof raw === 'string' || raw instanceof Uint8Array ? raw : JSON.stringify(raw);
      return { header: { name, size: Buffer.byteLength(body), mtime: new Date(0) }, body };
    }),
  );
  return packTar(entries);
}

/** A shard of samples `FROM` to `TO`, with an image and a caption each. */
export function numbered(from: number, to: number): Promise<Uint8Array> {
  const keys = Array.from({ length: to - from }, (_, i) => String(from + i).padStart(4, '0'));
  return tar(
    keys.flatMap((key): [string, unknown][] => [
      [`${key}.jpg`, null],
      [`${key}.txt`, `picture ${key}`],
    ]),
  );
}
