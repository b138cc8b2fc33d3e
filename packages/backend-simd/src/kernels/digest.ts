/** Of the sources of the WebAssembly modules, which carry it too; assembly/compile.js writes it. */
export const DIGEST = '32d0027186e6d3f0';
