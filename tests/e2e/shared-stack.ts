import { type StackDescription, startStack } from '@sallyport/stack';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    readonly stack: StackDescription;
  }
}

/**
 * One stack for all files that leave it as they found it; they run one after the other. A file that
 * kills part of the stack starts its own.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const stack = await startStack();
  project.provide('stack', stack.description);
  return () => stack.stop();
}
