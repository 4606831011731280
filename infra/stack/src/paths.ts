import { join } from 'node:path';

/** The root of the repository. */
const root = join(import.meta.dirname, '..', '..', '..');

/** Git-ignored; every stack has a folder of its own in it. */
export const developmentFolder = join(root, '.dev');

/** What Node has compiled: of every stack, so that a start writes thousands of files once only. */
export const compiledCode = join(root, 'node_modules', '.cache', 'sallyport-compiled');

/** The bus's configuration, as an operator would use it. */
export const natsConfiguration = join(root, 'infra', 'nats', 'nats-server.conf');

const entries = {
  'control-plane': ['control-plane', 'src', 'main.ts'],
  'edge-proxy': ['edge-proxy', 'src', 'main.ts'],
  postgres: ['control-plane', 'src', 'store', 'embedded', 'main.ts'],
} as const;

/** The file that starts a process of ours. */
export function entryOf(name: keyof typeof entries): string {
  return join(root, 'packages', ...entries[name]);
}
