export { altered, languageAlone, threefold } from './folders.js';
export { writeTorch } from './torch-file.js';
