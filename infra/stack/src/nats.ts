import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Running } from './running.ts';

const startMsMax = 10_000;

/**
 * Starts Debian's nats-server on a free port of loopback. It writes the port it got into a file;
 * that file is waited for.
 */
export async function startNats(
  running: Running,
): Promise<{ readonly url: string; readonly pid: number }> {
  const { dir } = running;
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/local/sbin'];
  const program = folders.map((at) => join(at, 'nats-server')).find((file) => existsSync(file));
  if (program === undefined) {
    throw new Error('nats-server is not installed; on Debian: apt-get install nats-server');
  }
  const configuration = join(dir, 'nats.conf');
  await writeFile(
    configuration,
    [
      'listen: "127.0.0.1:-1"',
      `ports_file_dir: ${JSON.stringify(dir)}`,
      'max_payload: 1048576',
      'ping_interval: "5s"',
      'ping_max: 2',
      'write_deadline: "5s"',
    ].join('\n'),
  );
  const { pid } = running.start({
    name: 'nats',
    entry: program,
    program: true,
    args: ['-c', configuration],
  });
  const file = join(dir, `nats-server_${pid}.ports`);
  const giveUpAt = performance.now() + startMsMax;
  while (performance.now() < giveUpAt) {
    const ports = JSON.parse((await readFile(file, 'utf8').catch(() => '')) || '{}') as {
      readonly nats?: readonly string[];
    };
    const url = ports.nats?.[0];
    if (url !== undefined) return { url, pid };
    await sleep(20);
  }
  throw new Error(`nats-server did not start in ${startMsMax / 1000} s`);
}
