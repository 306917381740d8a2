// Writes the types of the server's answers from its OpenAPI description. Only the schemas: the routes this page uses
// are few, and `src/data/api.ts` has them.
import { readFile, writeFile } from 'node:fs/promises';
import openapiTS, { astToString } from 'openapi-typescript';

const description = JSON.parse(await readFile(new URL('../../openapi.json', import.meta.url), 'utf8'));
const ast = await openapiTS({ ...description, paths: {} });
const header = '// Generated from ../openapi.json by `npm run api`.\n\n';
await writeFile(new URL('../src/data/api.gen.ts', import.meta.url), header + astToString(ast));
