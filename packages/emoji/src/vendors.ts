/** The five vendors that have drawn the same emoji. */
export type Vendor = 'openmoji' | 'twemoji' | 'noto' | 'fluent' | 'fluent-flat';

/** The splits of both data sets, which share no drawing: `test` has Noto's, `train` those of the other vendors. */
export type Split = 'train' | 'test';

/** The vendors of each split. */
export const splits: { readonly [S in Split]: readonly Vendor[] } = {
  train: ['openmoji', 'twemoji', 'fluent', 'fluent-flat'],
  test: ['noto'],
};

/** All five vendors, those of `train` first. */
export const allVendors: readonly Vendor[] = [...splits.train, ...splits.test];

/** The npm package of each vendor's drawings. */
export const packages: { readonly [S in Vendor]: string } = {
  openmoji: '@iconify-json/openmoji',
  twemoji: '@iconify-json/twemoji',
  noto: '@iconify-json/noto',
  fluent: '@iconify-json/fluent-emoji',
  'fluent-flat': '@iconify-json/fluent-emoji-flat',
};
