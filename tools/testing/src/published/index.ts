export { type PublishedConfig, type PublishedName, published } from './configs.js';
export { type HollowOptions, writeHollow } from './hollow.js';
