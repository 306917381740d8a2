import js from '@eslint/js';
import jsxA11y from 'eslint-plugin-jsx-a11y';
import reactHooks from 'eslint-plugin-react-hooks';
import globals from 'globals';
import tseslint from 'typescript-eslint';

/**
 * The import table. Each row names a folder and what its files must not import.
 * Read it as: app → features → shared and data; data → shared/lib; a feature never sees another feature.
 */
const features = ['inspector', 'log', 'memory', 'performance', 'replay', 'runs', 'state', 'timeline', 'topology'];

const importTable = [
  { files: ['src/shared/**'], forbid: ['**/app/**', '**/features/**', '**/data/**'] },
  { files: ['src/data/**'], forbid: ['**/app/**', '**/features/**', '**/shared/ui/**', '**/shared/i18n/**'] },
  {
    files: ['src/data/worker/**', 'src/features/*/worker/**'],
    forbid: ['react', 'react-dom', 'react/*', 'zustand', 'wouter', '@tanstack/*', '**/app/**', '**/features/**', '**/shared/ui/**', '**/shared/i18n/**'],
  },
  ...features.map((name) => ({
    files: [`src/features/${name}/**`],
    forbid: ['**/app/**', '**/features/**', '**/data/worker/**', ...features.filter((other) => other !== name).map((other) => `../${other}/**`)],
  })),
  { files: ['src/app/**'], forbid: ['**/data/worker/**'] },
];

export default tseslint.config(
  { ignores: ['dist', 'node_modules', 'src/data/api.gen.ts'] },
  js.configs.recommended,
  ...tseslint.configs.strict,
  {
    files: ['src/**/*.{ts,tsx}', 'e2e/**/*.ts', 'scripts/**/*.ts', '*.config.ts'],
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      'no-console': 'error',
      // `== null` asks for absent or null in one.
      eqeqeq: ['error', 'always', { null: 'ignore' }],
    },
  },
  {
    files: ['src/**/*.tsx', 'src/**/*.ts'],
    ...jsxA11y.flatConfigs.strict,
  },
  {
    files: ['src/**/*.{ts,tsx}'],
    plugins: { 'react-hooks': reactHooks },
    rules: {
      'react-hooks/rules-of-hooks': 'error',
      'react-hooks/exhaustive-deps': 'error',
      // Event payloads are only ever text.
      'no-restricted-syntax': ['error', { selector: 'JSXAttribute[name.name="dangerouslySetInnerHTML"]', message: 'Event payloads are only ever text.' }],
    },
  },
  ...importTable.map(({ files, forbid }) => ({
    files,
    rules: { 'no-restricted-imports': ['error', { patterns: [{ group: forbid, message: 'The import table in eslint.config.js forbids this.' }] }] },
  })),
  {
    files: ['src/data/worker/**', 'src/features/*/worker/**'],
    ignores: ['**/*.test.ts'],
    rules: { 'no-restricted-globals': ['error', 'window', 'document', 'localStorage', 'sessionStorage', 'location'] },
  },
  { files: ['public/*.js'], languageOptions: { globals: globals.browser, sourceType: 'script' }, rules: { 'no-var': 'off' } },
  { files: ['scripts/**/*.mjs'], languageOptions: { globals: globals.node } },
);
