export type { ByteSource } from '../file-system/byte-source.js';
export { directoryFolder } from '../file-system/directory.js';
export type {
  FileKind,
  FileStatus,
  FolderEntry,
  FolderSource,
  FolderWriter,
  NewFile,
  Scratch,
} from '../file-system/file-system.js';
export {
  appendText,
  basename,
  createFile,
  dirname,
  environment,
  fileStatus,
  homeFolder,
  isAbsolute,
  isDownloaded,
  join,
  listFolder,
  makeFolder,
  openFile,
  openScratch,
  readBytes,
  readText,
  realPath,
  relative,
  removePath,
  renamePath,
  resolve,
  separatorOf,
  syncPath,
  writeBytes,
} from '../file-system/index.js';
export { type FileContent, filesByPath, type MemoryFolder, memoryFolder } from '../file-system/memory.js';
export { isMounted, type MountOptions, mountFolder, unmountFolder } from '../file-system/mounts.js';
export { type UrlFolderOptions, urlFolder } from '../file-system/url.js';
export { defaultCacheDir } from './cache-dir.js';
export { isGguf } from './gguf.js';
export { readConfigJson, readGenerationJson, readJson } from './json.js';
export { isFile, isFolder, toPath } from './paths.js';
export { expectNotQuantizedByOthers, QUANT_METHOD } from './quantized-by-others.js';
export { type FolderReference, type ReferenceOptions, readReference } from './reference.js';
export { openTemporaryValues, type TemporaryValues } from './temporary-values.js';
export { openWeights } from './weights.js';
