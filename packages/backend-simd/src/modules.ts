import type { Platform } from './platform.js';

/** A WebAssembly module: where it lies, or its bytes. */
export type WasmSource = URL | Uint8Array;

/** The WebAssembly modules of a package. */
export interface KernelUrls {
  /** The build for every engine with SIMD. */
  simd: WasmSource;
  /** The build for engines with relaxed SIMD. */
  relaxed?: WasmSource;
  /**
   * What the custom section `digest` of the modules must hold, so that modules of another version than the code that calls them
   * are refused. Default: it is not read.
   */
  digest?: string;
}

export interface CompileOptions {
  relaxedSimd: boolean;
  /** Whether the memory that the module gets is shared. */
  shared: boolean;
}

/**
 * Reads and compiles the build that this engine can run.
 * @throws where it cannot be read, is no WebAssembly module, or is one of another version
 */
export async function compile(
  { readFile, allowRelaxedSimd }: Platform,
  { simd, relaxed, digest }: KernelUrls,
  { relaxedSimd, shared }: CompileOptions,
): Promise<{ module: WebAssembly.Module; relaxed: boolean }> {
  const load = async (source: WasmSource): Promise<WebAssembly.Module> => {
    const given = ArrayBuffer.isView(source);
    const name = given ? 'What `kernels` gives' : source.href;
    const bytes = given ? new Uint8Array(source) : await readFile(source);
    if (!MAGIC.every((byte, i) => bytes[i] === byte))
      throw new Error(`${name} is not a WebAssembly module; a bundler may have moved it: set its URL as \`kernels\`.`);
    const module = await WebAssembly.compile(shared ? bytes : unshared(bytes));
    if (digest !== undefined && digestOf(module) !== digest)
      throw new Error(
        `${name} was compiled from other sources than this code was written for, and would compute wrong numbers: ` +
          'copy the file of the installed version again, or, in the repository, build it.',
      );
    return module;
  };
  if (relaxedSimd && relaxed) {
    if (!WebAssembly.validate(RELAXED)) await allowRelaxedSimd();
    if (WebAssembly.validate(RELAXED)) return { module: await load(relaxed), relaxed: true };
  }
  if (!WebAssembly.validate(SIMD))
    throw new Error("The simd backend needs WebAssembly SIMD, which this engine lacks; use tfjs' cpu backend.");
  return { module: await load(simd), relaxed: false };
}

/** The digest of its sources that a module carries; empty where it has none. */
function digestOf(module: WebAssembly.Module): string {
  const [content] = WebAssembly.Module.customSections(module, 'digest');
  return content ? new TextDecoder().decode(content) : '';
}

const MAGIC = [0, 0x61, 0x73, 0x6d];

/** A module of one function `f` of three numbers in single precision to one, whose body are these bytes. */
const probe = (...body: number[]): Uint8Array<ArrayBuffer> => {
  const code = [0, ...body, 0xfd, 0x1f, 0, 0x0b]; // no locals; f32x4.extract_lane 0; end
  const type = [1, 8, 1, 0x60, 3, 0x7d, 0x7d, 0x7d, 1, 0x7d];
  const sections = [...type, 3, 2, 1, 0, 7, 5, 1, 1, 0x66, 0, 0, 10, code.length + 2, 1, code.length, ...code];
  return Uint8Array.of(...MAGIC, 1, 0, 0, 0, ...sections);
};
const splat = (argument: number): number[] => [0x20, argument, 0xfd, 0x13]; // local.get; f32x4.splat
const SIMD = probe(...splat(0));
/** A module that only engines with relaxed SIMD find valid: f32x4.relaxed_madd. */
export const RELAXED = probe(...splat(0), ...splat(1), ...splat(2), 0xfd, 0x85, 0x02);

/** Whether relaxed multiply-adds round once, as V8 has them and native kernels too; those of JavaScriptCore round twice. */
export async function roundsOnce(): Promise<boolean> {
  const { instance } = await WebAssembly.instantiate(RELAXED);
  const f = instance.exports.f as (a: number, b: number, c: number) => number;
  const x = 1 + 2 ** -12;
  return f(x, x, -1) === Math.fround(x * x - 1);
}

const IMPORTS = 2;
const MEMORY = 2;
const SHARED = 2;

/**
 * Converts a module to import memory that is not shared, by clearing that flag of its import; changes the bytes in place.
 * @throws when the module does not import its memory first, as AssemblyScript's output does
 */
export function unshared(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  let position = 8; // after magic and version
  const number = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[position++]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (position < bytes.length) {
    const section = number();
    const end = number() + position;
    if (section === IMPORTS && number() > 0) {
      for (let name = 0; name < 2; name++) position = number() + position;
      if (bytes[position++] !== MEMORY) break;
      bytes[position]! &= ~SHARED;
      return bytes;
    }
    position = end;
  }
  throw new Error('A module of kernels does not import its memory first; compile it with --importMemory.');
}
