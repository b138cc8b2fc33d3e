import type { ByteSource } from './byte-source.js';

/** What a path leads to; `other` is what can neither be read as a file nor listed, such as a pipe. */
export type FileKind = 'file' | 'folder' | 'other';

/** What is known of a file or folder without reading it. */
export interface FileStatus {
  readonly kind: FileKind;
  /** Bytes of a file; 0 for a folder. */
  readonly size: number;
  /** When it was last changed, in milliseconds since 1970; 0 where that is not known. */
  readonly modified: number;
}

/** What a folder holds under one name. */
export interface FolderEntry {
  readonly name: string;
  /** `link` for a symbolic link, whatever it leads to. */
  readonly kind: FileKind | 'link';
}

/** A file that is being written: it appears under its path, and replaces an older file there, when it is committed. */
export interface NewFile {
  /** Appends bytes. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends writing; what was written is durable then. */
  finish(): Promise<void>;
  /** Makes it appear under its path, after `finish`. */
  commit(): Promise<void>;
  /** Removes what was written; an older file stays as it was. */
  discard(): Promise<void>;
}

/** Bytes that are kept for a while, outside the memory where there is a disk. */
export interface Scratch {
  /** Keeps bytes, and returns a function that gives them again. */
  keep(bytes: Uint8Array): Promise<() => Promise<Uint8Array>>;
  /** Releases all of them. */
  close(): Promise<void>;
}

/**
 * The files behind a folder that is mounted: what a folder of a page is made of. Paths are relative to the folder, with slashes,
 * without a slash at the beginning or end; the folder itself is the empty path.
 */
export interface FolderSource {
  /** What a path leads to; undefined where there is nothing. */
  status(path: string): Promise<FileStatus | undefined>;
  /** Opens a file of which `status` says that it is there. */
  open(path: string): Promise<ByteSource>;
  /** Lists a folder of which `status` says that it is there. Absent where folders cannot be listed, as over HTTP. */
  readonly list?: ((path: string) => Promise<readonly FolderEntry[]>) | undefined;
  /** Changes files. Absent where they can only be read. */
  readonly writer?: FolderWriter | undefined;
}

/** How the files of a mounted folder are changed; paths as in {@link FolderSource}. */
export interface FolderWriter {
  /** Begins a file in a folder that is there. */
  create(path: string): Promise<NewFile>;
  /** Creates a folder and those above it, where they do not exist. */
  makeFolder(path: string): Promise<void>;
  /** Renames a file or folder. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file, or a folder with what it holds, if it exists. */
  remove(path: string): Promise<void>;
}

/** Operations on paths as text. */
export interface Paths {
  join(...parts: string[]): string;
  dirname(path: string): string;
  basename(path: string): string;
  resolve(base: string, path: string): string;
  relative(from: string, to: string): string;
  isAbsolute(path: string): boolean;
  /** What stands between the names of a path. */
  readonly sep: string;
}

/** The files of this computer: `#file-system` resolves to `node.ts`, or in browsers to `browser.ts`, which has none. */
export interface LocalFiles {
  status(path: string): Promise<FileStatus>;
  list(path: string): Promise<readonly FolderEntry[]>;
  read(path: string): Promise<Uint8Array<ArrayBuffer>>;
  open(path: string): Promise<ByteSource>;
  create(path: string): Promise<NewFile>;
  write(path: string, bytes: Uint8Array | string): Promise<void>;
  append(path: string, text: string): Promise<void>;
  makeFolder(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  realPath(path: string): Promise<string>;
  sync(path: string): Promise<void>;
  scratch(path: string): Promise<Scratch>;
  /** The path of a `file:` URL; in a browser the address of an http URL. @throws for a URL of another protocol */
  fromUrl(url: URL): string;
  readonly paths: Paths;
  /** The environment variables of the process; none in a browser. */
  environment(): Readonly<Record<string, string | undefined>>;
  /** The user's own folder. */
  home(): string;
}
