import { join } from 'node:path';

/** The option with which Node.js sends no session tickets at all; openssl.cnf says why. */
export const opensslOption = `--openssl-config=${join(import.meta.dirname, 'openssl.cnf')}`;

/**
 * Has this process run with that option. OpenSSL reads its settings before any code of ours runs, so
 * the process begins again in its own place: same process id, same streams, same environment.
 *
 * Whoever has named settings of OpenSSL keeps them, and a channel to a parent would not outlast this:
 * such a process goes on as it is, and does not start where that sends tickets (`refuseTickets`).
 */
export function useOwnOpenssl(): void {
  const { argv, channel, env, execArgv, execPath } = process;
  const options = [...execArgv, env['NODE_OPTIONS'] ?? ''].join(' ');
  if (/(?:^|\s)--openssl-/.test(options) || (env['OPENSSL_CONF'] ?? '') !== '') return;
  if (channel !== undefined) return;
  process.execve?.(execPath, [execPath, ...execArgv, opensslOption, ...argv.slice(1)], env);
}
