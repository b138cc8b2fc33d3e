/** Of the sources of the WebAssembly modules, which carry it too; assembly/compile.js writes it. */
export const DIGEST = 'ee8b86fa77ed5f4c';
