import { execFile, spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { issueCertificate } from '@sallyport/shared/pki/issue';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestEdge } from '../testing/edge.ts';
import { withListener } from '../testing/listener-settings.ts';

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

interface Served {
  readonly key: 'ECDSA' | 'RSA';
  readonly http2: boolean;
}

/** Serves with a certificate of such a key, and with HTTP/2 or without. */
async function serve({ key, http2 }: Served): Promise<void> {
  const keys =
    key === 'RSA'
      ? generateKeyPairSync('rsa', { modulusLength: 3072 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { certificatePem } = await issueCertificate(edge.pki.server, {
    commonName: host,
    dns: [host],
    usage: 'server',
    days: 5,
    publicKey: keys.publicKey.export({ type: 'spki', format: 'der' }),
  });
  const privateKeyPem = keys.privateKey.export({ type: 'pkcs8', format: 'pem' });
  edge.setCredentials({
    serverCertificates: [{ certificatePem, privateKeyPem: String(privateKeyPem) }],
  });
  await edge.apply('config', ...edge.configuration(withListener(edge, { http2 })));
}

/** Nothing else: no CBC, no CCM, no ARIA or Camellia, no key exchange without forward secrecy. */
const suites = (key: Served['key']) =>
  ['AES128-GCM-SHA256', 'AES256-GCM-SHA384', 'CHACHA20-POLY1305']
    .map((suite) => `ECDHE-${key}-${suite}`)
    .concat('TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256');

/** For testssl, which asks for no name where it tries to renegotiate: nothing is served without one. */
async function opensslWithName(): Promise<string> {
  const path = join(dir, 'openssl');
  const program = `#!/bin/sh
for one; do
  shift
  case $one in
    -noservername) set -- "$@" -servername ${host} ;;
    *) set -- "$@" "$one" ;;
  esac
done
exec openssl "$@"
`;
  await writeFile(path, program, { mode: 0o700 });
  return path;
}

interface Finding {
  readonly id: string;
  readonly severity: string;
  readonly finding: string;
}

/** What it says of certificates and names is about those of this test, and of programs about this machine. */
const isOfTheTest = ({ id }: Finding) => /^cert_|^DNS_|^engine_problem$/.test(id);

const served: readonly Served[] = [
  { key: 'ECDSA', http2: true },
  { key: 'RSA', http2: false },
];

describe.each(served)('the listener with a key of $key, HTTP/2 $http2', ({ key, http2 }) => {
  beforeAll(() => serve({ key, http2 }));

  it.skipIf(!isThere('sslscan'))('has nothing that sslscan would change (row 20)', async () => {
    const { stdout } = await run('sslscan', [
      ...['--no-colour', '--show-sigs', `--sni-name=${host}`],
      `127.0.0.1:${edge.port}`,
    ]);
    for (const version of ['SSLv2', 'SSLv3', 'TLSv1.0', 'TLSv1.1']) {
      expect(stdout).toMatch(new RegExp(`^${version}\\s+disabled`, 'm'));
    }
    const accepted = [...stdout.matchAll(/^(?:Preferred|Accepted)\s+(\S+)\s+\d+ bits\s+(\S+)/gm)];
    expect(new Set(accepted.map(([, version]) => version))).toEqual(
      new Set(['TLSv1.2', 'TLSv1.3']),
    );
    expect(new Set(accepted.map(([, , suite]) => suite))).toEqual(new Set(suites(key)));
    expect(stdout).toMatch(/^Session renegotiation not supported/m);
    expect(stdout).not.toMatch(/^Compression enabled/m);
    expect(stdout).not.toMatch(/^TLSv1\.\d vulnerable to heartbleed/m);
    expect(stdout).not.toMatch(/sha1|dsa_sha224|md5/i);
  });

  it.skipIf(!isThere('testssl'))(
    'has nothing that testssl.sh would change (row 20)',
    { timeout: 900_000 },
    async () => {
      const file = join(dir, `testssl-${key}.json`);
      const options = ['--quiet', '--color', '0', '--warnings', 'batch', '--ip', '127.0.0.1'];
      options.push('--openssl', await opensslWithName(), '--jsonfile', file);
      // Protocols, ciphers by group and by preference, what the server says, what is known to be broken.
      const what = ['-p', '-s', '-f', '-P', '-S', '-U'];
      // It ends with the number of what it found.
      await run('testssl', [...options, ...what, `${host}:${edge.port}`]).catch(() => undefined);
      const findings = JSON.parse(await readFile(file, 'utf8')) as Finding[];
      expect(findings.map(({ id }) => id)).toContain('TLS1_3');
      const bad = findings.filter(
        (one) => !isOfTheTest(one) && !/^(?:OK|INFO)$/.test(one.severity),
      );
      expect(bad).toEqual([]);
      const found = (id: string) => findings.find((one) => one.id === id)?.finding ?? '';
      for (const group of ['NULL', 'aNULL', 'EXPORT', 'LOW', '3DES_IDEA', 'AVERAGE']) {
        expect([group, found(`cipherlist_${group}`)]).toEqual([group, 'not offered']);
      }
      for (const version of ['TLSv1_2', 'TLSv1_3']) {
        expect(found(`cipherorder_${version}`)).toMatch(/^(?:\S*(?:GCM|CHACHA20)\S*\s*)+$/);
      }
      expect(found('TLS_session_ticket')).toMatch(/^no\b/);
      for (const kind of ['ticket', 'ID']) {
        expect(found(`sessionresumption_${kind}`)).toBe('not supported');
      }
      // That of RFC 5746 is offered, as every client asks, and none is done.
      expect(found('secure_renego')).toBe('supported');
      expect(found('secure_client_renego')).toBe('not vulnerable');
      expect(found('ALPN_HTTP2')).toBe(http2 ? 'h2' : '');
      expect(found('ALPN')).toBe('http/1.1');
    },
  );
});
