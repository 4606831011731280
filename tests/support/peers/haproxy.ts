import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram, type Peer, startProgram } from './program.ts';

export const haproxyIsThere = findProgram('haproxy') !== null;

/** Starts Debian's HAProxy; `sections` are its frontends and backends, one of them on this port. */
export function startHaproxy(
  sections: (port: number, dir: string) => string,
  /** More lines of its section `global`. */
  more = '',
): Promise<Peer> {
  return startProgram({
    program: 'haproxy',
    prepare: async (dir, port) => {
      const file = join(dir, 'haproxy.cfg');
      await writeFile(file, `${commonWith(more)}${sections(port, dir)}\n`);
      return ['-db', '-q', '-f', file];
    },
  });
}

const commonWith = (more: string): string => `
global
  maxconn 4096
  ${more}
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
`;
