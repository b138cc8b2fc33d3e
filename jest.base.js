/** Tests run from the sources: workspace packages resolve through the `@blip2/source` condition, nothing is built first. */
export default {
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['@blip2/source', 'node'] },
  testTimeout: 30_000, // shared machines stall: a limit is for what hangs
  testMatch: ['<rootDir>/src/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'es6' }, sourceMaps: 'inline' },
    ],
  },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
};
