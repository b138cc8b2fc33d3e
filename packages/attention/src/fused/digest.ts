/** Of the sources of the WebAssembly modules, which carry it too; assembly/compile.js writes it. */
export const DIGEST = '05ffdecc35d115e2';
