import type { TestProject } from 'vitest/node';
import { launchServer } from './launch';

declare module 'vitest' {
  export interface ProvidedContext {
    browser: string;
  }
}

/** One browser for all spec files. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await launchServer();
  project.provide('browser', server.wsEndpoint());
  return () => server.close();
}
