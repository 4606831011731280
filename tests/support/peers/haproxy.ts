import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram, type Peer, startProgram } from './program.ts';

export const haproxyIsThere = findProgram('haproxy') !== null;

/** Starts Debian's HAProxy; `sections` are its frontends and backends, one of them on this port. */
export function startHaproxy(sections: (port: number, dir: string) => string): Promise<Peer> {
  return startProgram({
    program: 'haproxy',
    prepare: async (dir, port) => {
      const file = join(dir, 'haproxy.cfg');
      await writeFile(file, `${common}${sections(port, dir)}\n`);
      return ['-db', '-q', '-f', file];
    },
  });
}

const common = `
global
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
`;
