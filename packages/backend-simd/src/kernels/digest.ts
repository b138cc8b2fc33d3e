/** Of the sources of the WebAssembly modules, which carry it too; assembly/compile.js writes it. */
export const DIGEST = '8ab5c3798cf0791c';
