import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestEdge } from '../testing/edge.ts';

const host = 'app.corp.test';
const isThere = (program: string) => spawnSync(program, ['--version']).error === undefined;
const run = promisify(execFile);

let edge: TestEdge;
let dir: string;
beforeAll(async () => {
  edge = await TestEdge.start();
  dir = await mkdtemp(join(tmpdir(), 'sallyport-scan-'));
});
afterAll(async () => {
  await edge.stop();
  await rm(dir, { recursive: true });
});

describe('the listener', () => {
  it.skipIf(!isThere('sslscan'))('has nothing that sslscan would change (row 20)', async () => {
    const { stdout } = await run('sslscan', [
      '--no-colour',
      `--sni-name=${host}`,
      `127.0.0.1:${edge.port}`,
    ]);
    for (const version of ['SSLv2', 'SSLv3', 'TLSv1.0', 'TLSv1.1']) {
      expect(stdout).toMatch(new RegExp(`^${version}\\s+disabled`, 'm'));
    }
    const accepted = [...stdout.matchAll(/^(?:Preferred|Accepted)\s+(\S+)\s+\d+ bits\s+(\S+)/gm)];
    expect(new Set(accepted.map(([, version]) => version))).toEqual(
      new Set(['TLSv1.2', 'TLSv1.3']),
    );
    for (const [, , cipher = ''] of accepted) {
      expect(cipher).toMatch(/^(?:TLS_|ECDHE-).*(?:GCM|CHACHA20)/);
    }
    expect(stdout).toMatch(/^Session renegotiation not supported/m);
    expect(stdout).not.toMatch(/^Compression enabled/m);
    expect(stdout).not.toMatch(/^TLSv1\.\d vulnerable to heartbleed/m);
  });

  it.skipIf(!isThere('testssl'))(
    'has nothing that testssl.sh would change (row 20)',
    { timeout: 600_000 },
    async () => {
      const file = join(dir, 'testssl.json');
      const options = ['--quiet', '--color', '0', '--warnings', 'batch', '--ip', '127.0.0.1'];
      // Protocols, groups of ciphers, and what is known to be broken.
      const what = ['-p', '-s', '-U'];
      // It ends with the number of what it found.
      await run('testssl', [...options, ...what, '--jsonfile', file, `${host}:${edge.port}`]).catch(
        () => undefined,
      );
      const findings = JSON.parse(await readFile(file, 'utf8')) as {
        readonly id: string;
        readonly severity: string;
        readonly finding: string;
      }[];
      expect(findings.map(({ id }) => id)).toContain('TLS1_3');
      const bad = findings.filter(({ severity }) => /^(?:MEDIUM|HIGH|CRITICAL)$/.test(severity));
      expect(bad).toEqual([]);
    },
  );
});
