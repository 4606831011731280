import { join } from 'node:path';

/** The root of the repository. */
const root = join(import.meta.dirname, '..', '..', '..');

/** Git-ignored; every stack has a folder of its own in it. */
export const developmentFolder = join(root, '.dev');

/** The file that starts a process of ours. */
export function entryOf(name: 'control-plane' | 'edge-proxy'): string {
  return join(root, 'packages', name, 'src', 'main.ts');
}
