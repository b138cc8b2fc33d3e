/** The five sets of drawings of the same emoji. */
export type Vendor = 'openmoji' | 'twemoji' | 'noto' | 'fluent' | 'fluent-flat';

/** `train` and `test` never share a drawing: Noto is the test, and nothing of `train` gives it. */
export type Split = 'train' | 'test';

export const splits: { readonly [S in Split]: readonly Vendor[] } = {
  train: ['openmoji', 'twemoji', 'fluent', 'fluent-flat'],
  test: ['noto'],
};

export const allVendors: readonly Vendor[] = [...splits.train, ...splits.test];

/** The npm package that holds a vendor's drawings. */
export const packages: { readonly [S in Vendor]: string } = {
  openmoji: '@iconify-json/openmoji',
  twemoji: '@iconify-json/twemoji',
  noto: '@iconify-json/noto',
  fluent: '@iconify-json/fluent-emoji',
  'fluent-flat': '@iconify-json/fluent-emoji-flat',
};
