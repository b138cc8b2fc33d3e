/** Of the sources of the WebAssembly modules, which carry it too; assembly/compile.js writes it. */
export const DIGEST = 'e64093614a739fed';
