const SIGNATURE = 'version https://git-lfs.github.com/spec/';

/** Returns whether a file's content is a Git LFS pointer, which a clone without Git LFS has in place of the file. */
export function isLfsPointer(content: string | Uint8Array): boolean {
  const start =
    typeof content === 'string'
      ? content.slice(0, SIGNATURE.length)
      : String.fromCharCode(...content.subarray(0, SIGNATURE.length));
  return start === SIGNATURE;
}

/** What is wrong with a file that is a Git LFS pointer. */
export const LFS_PROBLEM = 'it is a Git LFS pointer in place of the file';
/** What to do about a file that is a Git LFS pointer. */
export const LFS_REMEDY = "run 'git lfs pull' in its folder, or download the file";
