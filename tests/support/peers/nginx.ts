import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram, type Peer, startProgram } from './program.ts';

export const nginxIsThere = findProgram('nginx') !== null;

export interface NginxOptions {
  /** What stands in its `http` block; it has to listen on this port of 127.0.0.1. */
  readonly http: (port: number, dir: string) => string;
  /** It may use only this one. Default: all. */
  readonly core?: number;
}

/** Starts Debian's nginx with one worker; everything that it writes is in a folder of its own. */
export function startNginx({ http, core }: NginxOptions): Promise<Peer> {
  return startProgram({
    program: 'nginx',
    ...(core === undefined ? {} : { core }),
    prepare: async (dir, port) => {
      const file = join(dir, 'nginx.conf');
      await writeFile(file, configuration(dir, http(port, dir)));
      return ['-p', dir, '-e', 'stderr', '-c', file];
    },
  });
}

function configuration(dir: string, http: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
daemon off;
pid ${dir}/nginx.pid;
error_log stderr warn;
worker_processes 1;
# As another user it could not go into its folder.
${process.getuid?.() === 0 ? 'user root;' : ''}
events { worker_connections 8192; }
http {
  ${temporary.map((name) => `${name}_temp_path ${dir}/${name};`).join('\n  ')}
  access_log off;
  server_tokens off;
${http}
}
`;
}
