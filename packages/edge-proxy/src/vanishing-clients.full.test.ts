import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { report } from './testing/open-edge.ts';
import type { Seen } from './testing/vanishing-clients.ts';

const program = fileURLToPath(new URL('testing/vanishing-clients.ts', import.meta.url));
/** In a network of its own, which is gone with it. */
const apart = ['--user', '--map-root-user', '--net'];
const link = ['ip', 'link', 'add', 'near', 'type', 'veth', 'peer', 'name', 'far'];
const isPermitted = () => spawnSync('unshare', [...apart, ...link]).status === 0;

it.skipIf(!isPermitted())(
  'F33 with clients from whom no packet comes any more, not even an acknowledgement, it gives up what they asked for, holds little, and serves others',
  async () => {
    const command = [...apart, process.execPath, program];
    const { stdout } = await promisify(execFile)('unshare', command);
    const seen = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Seen;
    report('F33, packets dropped', {
      'exchanges that were open': seen.openBefore,
      'answers given up after ms': seen.answersGoneMs,
      'quiet WebSockets given up after ms': seen.allGoneMs,
      'MiB that it grew by': seen.grownMib,
      'others that were served meanwhile': seen.others['200'] ?? 0,
    });
    expect(seen.openBefore).toBe(60);
    expect(seen.endings).toEqual({ '/large client_too_slow': 40, '/chat client_closed': 20 });
    expect(seen.allGoneMs).toBeGreaterThan(0);
    expect(Object.keys(seen.others)).toEqual(['200']);
    // Of 160 GiB that were asked for.
    expect(seen.grownMib).toBeLessThan(60);
  },
  200_000,
);
