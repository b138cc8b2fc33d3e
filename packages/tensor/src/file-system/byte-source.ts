/** A source of bytes with positioned reads, such as an open file. */
export interface ByteSource {
  /** Length in bytes. */
  readonly size: number;
  /** Reads `length` bytes from `offset` on, into an array that the caller owns; fewer where the source ends before. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Fills `target` from `offset` on, and returns how many bytes there were. Default: `read`, and a copy. */
  readInto?(target: Uint8Array, offset: number): Promise<number>;
  /** Releases the source. */
  close(): Promise<void>;
}

/** The content of one file: bytes in memory, a `Blob` or `File` of a browser, or a custom {@link ByteSource}. */
export type Bytes = Uint8Array | ArrayBuffer | Blob | ByteSource;

/** Wraps bytes in memory as a {@link ByteSource}; reads are copies. */
export function memorySource(bytes: Uint8Array | ArrayBuffer): ByteSource {
  // A plain view: the `slice` of a Node Buffer would share memory.
  const view = ArrayBuffer.isView(bytes)
    ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    : new Uint8Array(bytes);
  return {
    size: view.byteLength,
    read: async (offset, length) => view.slice(offset, offset + length),
    close: async () => {},
  };
}

/** Wraps a browser's `Blob` or `File` as a {@link ByteSource} that reads it slice by slice. */
export function blobSource(blob: Blob): ByteSource {
  return {
    size: blob.size,
    read: async (offset, length) => new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer()),
    close: async () => {},
  };
}

/** Wraps the content of a file as a {@link ByteSource}. */
export function byteSource(bytes: Bytes): ByteSource {
  if (ArrayBuffer.isView(bytes) || 'byteLength' in bytes) return memorySource(bytes);
  return 'read' in bytes ? bytes : blobSource(bytes);
}
