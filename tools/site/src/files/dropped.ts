import type { FoundFile } from './caption-files.js';

/** The files of a drop or a paste, those in folders included, with their paths. */
export async function filesOf(transfer: DataTransfer): Promise<FoundFile[]> {
  const items = [...transfer.items].filter(({ kind }) => kind === 'file');
  // entries are to be had only before the first await
  const entries = items.map((item) => ({ entry: item.webkitGetAsEntry?.() ?? undefined, file: item.getAsFile() }));
  const found: FoundFile[] = [];
  for (const { entry, file } of entries) {
    if (entry?.isDirectory) await walk(entry as FileSystemDirectoryEntry, found);
    else if (file) found.push({ path: file.name, file });
  }
  return found;
}

async function walk(folder: FileSystemDirectoryEntry, found: FoundFile[]): Promise<void> {
  const reader = folder.createReader();
  const read = (): Promise<FileSystemEntry[]> => new Promise((resolve, reject) => reader.readEntries(resolve, reject));
  for (let batch = await read(); batch.length > 0; batch = await read()) {
    for (const entry of batch) {
      if (entry.isDirectory) await walk(entry as FileSystemDirectoryEntry, found);
      else {
        const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
        found.push({ path: entry.fullPath.replace(/^\//, ''), file });
      }
    }
  }
}

/** The files of an input, with their paths where a folder was chosen. */
export const filesOfInput = (input: HTMLInputElement): FoundFile[] =>
  [...(input.files ?? [])].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
