import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigurationError } from '@sallyport/shared/config';
import { createAuthority, issueWithNewKey } from '@sallyport/shared/pki/issue';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEdgeConfig } from './config.ts';

let dir: string;
const path = (name: string) => join(dir, name);
const good = () => ({
  SALLYPORT_HOME: path('home'),
  SALLYPORT_LISTEN: '127.0.0.1:0',
  SALLYPORT_CONTROL_PLANES: 'localhost:8444,[::1]:8444',
  SALLYPORT_CONTROL_PLANE_CA: path('ca.pem'),
  SALLYPORT_JOIN_TOKEN: 'sp_join_1',
  SALLYPORT_REGION: 'eu-1',
  SALLYPORT_TLS_CERTIFICATES: `${path('tls/a.pem')}:${path('tls/a.key.pem')}`,
});

function problemsOf(environment: Record<string, string | undefined>): string[] {
  try {
    readEdgeConfig(environment);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.problems.map(({ field }) => field);
  }
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-config-'));
  await mkdir(path('tls'));
  await mkdir(path('empty'));
  const authority = await createAuthority({ name: 'public', days: 1 });
  await writeFile(path('ca.pem'), authority.certificatePem);
  for (const name of ['a', 'b']) {
    const order = { commonName: name, dns: [`${name}.test`], usage: 'server', days: 1 } as const;
    const issued = await issueWithNewKey(authority, order);
    await writeFile(path(`tls/${name}.pem`), issued.certificatePem);
    await writeFile(path(`tls/${name}.key.pem`), issued.privateKeyPem);
  }
});
afterAll(() => rm(dir, { recursive: true }));

describe('the configuration of an edge', () => {
  it('gives access records room on the disk, or none', () => {
    const spool = (text: string) => ({ ...good(), SALLYPORT_RECORD_SPOOL_MIB: text });
    expect(readEdgeConfig(good()).recordSpoolBytes).toBe(2 ** 28);
    expect(readEdgeConfig(spool('0')).recordSpoolBytes).toBe(0);
    for (const text of ['1', '15', '-1', 'all']) {
      expect(problemsOf(spool(text))).toEqual(['SALLYPORT_RECORD_SPOOL_MIB']);
    }
  });

  it('names the servers of the bus, which are spoken to by TLS alone', () => {
    expect(readEdgeConfig(good()).nats).toBeNull();
    const servers = 'tls://nats-1:4222, tls://nats-2:4222';
    const config = readEdgeConfig({ ...good(), SALLYPORT_NATS_URL: servers });
    expect(config.nats).toEqual({
      servers: ['tls://nats-1:4222', 'tls://nats-2:4222'],
      caPem: null,
    });
    const problems = problemsOf({ ...good(), SALLYPORT_NATS_URL: 'nats://nats-1:4222' });
    expect(problems).toEqual(['SALLYPORT_NATS_URL']);
    expect(problemsOf({ ...good(), SALLYPORT_NATS_CA: path('none.pem') })).toEqual([
      'SALLYPORT_NATS_CA',
    ]);
  });

  it('is read once into a frozen value, with defaults', () => {
    const config = readEdgeConfig(good());
    expect(config).toMatchObject({
      listen: { host: '127.0.0.1', port: 0 },
      publicPort: null,
      opsListen: { host: '127.0.0.1', port: 9443 },
      controlPlanes: ['localhost:8444', '[::1]:8444'],
      labels: {},
      workers: 1,
      drainMs: 30_000,
      logLevel: 'info',
    });
    expect(Object.isFrozen(config)).toBe(true);
  });

  it('names files of places, which may come later, or none at all', () => {
    expect(readEdgeConfig(good()).places).toEqual({ cityFiles: null, asnFiles: [] });
    const places = (city: string) =>
      readEdgeConfig({
        ...good(),
        SALLYPORT_PLACES_CITY_FILES: city,
        SALLYPORT_PLACES_ASN_FILES: '/data/asn.mmdb',
      }).places;
    expect(places('/data/v4.mmdb, /data/v6.mmdb')).toEqual({
      cityFiles: ['/data/v4.mmdb', '/data/v6.mmdb'],
      asnFiles: ['/data/asn.mmdb'],
    });
    expect(places('none').cityFiles).toEqual([]);
  });

  it('takes a directory of certificates with their keys', () => {
    const config = readEdgeConfig({ ...good(), SALLYPORT_TLS_CERTIFICATES: path('tls') });
    expect(config.tlsCertificates).toEqual([
      { certificate: path('tls/a.pem'), key: path('tls/a.key.pem') },
      { certificate: path('tls/b.pem'), key: path('tls/b.key.pem') },
    ]);
  });

  it('names every problem together', () => {
    expect(
      problemsOf({
        SALLYPORT_HOME: path('home'),
        SALLYPORT_LISTEN: 'nowhere',
        SALLYPORT_WORKERS: '0',
        SALLYPORT_LOG_LEVEL: 'loud',
        SALLYPORT_REGON: 'eu-1',
      }),
    ).toEqual([
      'SALLYPORT_LISTEN',
      'SALLYPORT_TLS_CERTIFICATES',
      'SALLYPORT_CONTROL_PLANES',
      'SALLYPORT_REGION',
      'SALLYPORT_WORKERS',
      'SALLYPORT_LOG_LEVEL',
      'SALLYPORT_CONTROL_PLANE_CA',
      'SALLYPORT_JOIN_TOKEN',
      'SALLYPORT_REGON',
    ]);
  });

  it('refuses certificates that are not there, do not fit their keys or are none', () => {
    const tls = (value: string) => problemsOf({ ...good(), SALLYPORT_TLS_CERTIFICATES: value });
    const refused = ['SALLYPORT_TLS_CERTIFICATES'];
    expect(tls(path('empty'))).toEqual(refused);
    expect(tls(path('tls/a.pem'))).toEqual(refused);
    expect(tls(`${path('tls/a.pem')}:${path('tls/b.key.pem')}`)).toEqual(refused);
    expect(tls(`${path('tls/none.pem')}:${path('tls/a.key.pem')}`)).toEqual(refused);
    expect(tls(`${path('tls/a.key.pem')}:${path('tls/a.key.pem')}`)).toEqual(refused);
  });

  it('needs nothing to join with once there is an identity', async () => {
    const home = path('joined');
    await mkdir(home);
    await writeFile(join(home, 'identity.json'), '{}');
    const environment = {
      ...good(),
      SALLYPORT_HOME: home,
      SALLYPORT_JOIN_TOKEN: undefined,
      SALLYPORT_CONTROL_PLANE_CA: undefined,
    };
    expect(problemsOf(environment)).toEqual([]);
  });
});
