export { type Exclusion, type HardNegativeOptions, hardNegatives, negativeWeights } from './hard-negatives.js';
export { type HeldOutMarginOptions, heldOutMargin } from './held-out.js';
export { type Contrastive, type ContrastiveInputs, type ContrastiveOptions, itc } from './itc.js';
export { itm } from './itm.js';
export { type CaptionLossOptions, itg, type LanguageLossOptions, lm } from './lm.js';
export { type PhraseLossOptions, phrases } from './phrases.js';
export { type PrefixLossOptions, prefixLm, prefixSplit } from './prefix-lm.js';
export { similarity } from './similarity.js';
export { smoothingFloor } from './smoothing.js';
