/** A function that threads can run, of a WebAssembly module or native: it computes the items from `begin` to `end`. */
export interface KernelFunction {
  /** Its number in all threads. */
  readonly id: number;
  /** Calls it in this thread. */
  readonly call: (begin: number, end: number, thread: number, ...args: number[]) => void;
  /** Set where it is native. */
  readonly native?: NativeBuild;
}
/** The functions of a WebAssembly module by name. */
export type Kernels<Name extends string = string> = { readonly [name in Name]: KernelFunction };

/** How a build of native kernels divides products, in place of the numbers of assembly/matmul.ts. */
export interface NativeBuild {
  /** The instruction set: `avx512`, `avx2` or `neon`. */
  readonly build: string;
  /** Columns of a panel of packed B. */
  readonly panel: number;
  /** Rows of a tile. */
  readonly rows: number;
  /** Nanoseconds of a multiply-add on one thread, about. */
  readonly cost: number;
}

/** What the addon gives for a heap. */
export interface Attached extends NativeBuild {
  readonly functions: Readonly<Record<string, KernelFunction['call']>>;
}

/** The addon's own functions; see native/addon.c. */
export interface Addon {
  readonly abi: number;
  attach(heap: Uint8Array, build: string): Attached | undefined;
  join(heap: Uint8Array, build: string): Attached | undefined;
  resize(heap: Uint8Array, bytes: number): void;
}
