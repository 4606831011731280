import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram, type Peer, startProgram } from './program.ts';

export const caddyIsThere = findProgram('caddy') !== null;

/** Starts Debian's Caddy without its admin API; `sites` is a Caddyfile with a site on this port. */
export function startCaddy(sites: (port: number, dir: string) => string): Promise<Peer> {
  return startProgram({
    program: 'caddy',
    prepare: async (dir, port) => {
      const file = join(dir, 'Caddyfile');
      await writeFile(file, `${globals(dir)}${sites(port, dir)}\n`);
      return ['run', '--config', file, '--adapter', 'caddyfile'];
    },
  });
}

/** Nothing is written but into its folder, and no authority is asked for certificates. */
function globals(dir: string): string {
  return `{
  admin off
  auto_https off
  storage file_system ${dir}
}
`;
}
