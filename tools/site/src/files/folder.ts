import { zip } from 'fflate';

/** A folder's files by path. */
export type Files = Readonly<Record<string, Blob>>;

interface Picker {
  showDirectoryPicker?(options: { readonly mode: 'readwrite' }): Promise<FileSystemDirectoryHandle>;
}

/** Whether this browser lets a page write into a folder. */
export const canWriteFolders = (): boolean => 'showDirectoryPicker' in globalThis;

/** Writes files into a folder that the visitor chooses. @returns the folder's name; undefined where none is chosen */
export async function writeFolder(files: Files): Promise<string | undefined> {
  const root = await (globalThis as Picker).showDirectoryPicker?.({ mode: 'readwrite' }).catch((error: Error) => {
    if (error.name === 'AbortError') return undefined;
    throw error;
  });
  if (!root) return undefined;
  for (const [path, content] of Object.entries(files)) {
    const names = path.split('/');
    let folder = root;
    for (const name of names.slice(0, -1)) folder = await folder.getDirectoryHandle(name, { create: true });
    const file = await folder.getFileHandle(names.at(-1)!, { create: true });
    const stream = await file.createWritable();
    await stream.write(content);
    await stream.close();
  }
  return root.name;
}

/** Packs files into a .zip, below a folder of the given name. Weights are stored as they are: they do not become smaller. */
export async function zipOf(files: Files, name: string): Promise<Blob> {
  const entries = Object.entries(files).map(async ([path, content]) => {
    const bytes = new Uint8Array(await content.arrayBuffer());
    return [`${name}/${path}`, [bytes, { level: path.endsWith('.json') ? 6 : 0 }]] as const;
  });
  const content = Object.fromEntries(await Promise.all(entries)) as Parameters<typeof zip>[0];
  const bytes = await new Promise<Uint8Array<ArrayBuffer>>((resolve, reject) => {
    zip(content, (error, data) => (error ? reject(error) : resolve(data as Uint8Array<ArrayBuffer>)));
  });
  return new Blob([bytes], { type: 'application/zip' });
}
