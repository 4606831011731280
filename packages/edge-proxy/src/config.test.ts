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

  it('says when there is too much to do, or that there never is', () => {
    expect(readEdgeConfig(good()).overload).toEqual({ lagMs: 250, memoryShare: 0.9 });
    const limits = (lag: string, memory: string) => ({
      ...good(),
      SALLYPORT_OVERLOAD_LAG_MS: lag,
      SALLYPORT_OVERLOAD_MEMORY_PERCENT: memory,
    });
    expect(readEdgeConfig(limits('0', '100')).overload).toEqual({ lagMs: 0, memoryShare: 1 });
    expect(problemsOf(limits('-1', '101'))).toEqual([
      'SALLYPORT_OVERLOAD_LAG_MS',
      'SALLYPORT_OVERLOAD_MEMORY_PERCENT',
    ]);
  });

  it('traces requests where a collector is named, which is spoken to in the clear on this machine alone', () => {
    expect(readEdgeConfig(good()).tracing).toEqual({ share: 1, collector: null });
    const traced = {
      ...good(),
      SALLYPORT_OTLP_ENDPOINT: 'https://otel.corp.test:4318/otlp/',
      SALLYPORT_OTLP_HEADERS: 'Authorization=Bearer%20abc, x-team=a=b',
      SALLYPORT_OTLP_CA: path('ca.pem'),
      SALLYPORT_TRACE_SAMPLE_PERCENT: '0.5',
    };
    expect(readEdgeConfig(traced).tracing).toEqual({
      share: 0.005,
      collector: {
        url: 'https://otel.corp.test:4318/otlp/v1/traces',
        headers: { authorization: 'Bearer abc', 'x-team': 'a=b' },
        caPem: expect.stringContaining('CERTIFICATE') as unknown,
      },
    });
    const urlOf = (endpoint: string) =>
      readEdgeConfig({ ...good(), SALLYPORT_OTLP_ENDPOINT: endpoint }).tracing.collector?.url;
    for (const host of ['localhost:4318', '127.0.0.1', '[::1]:1']) {
      expect(urlOf(`http://${host}`)).toBe(`http://${host}/v1/traces`);
    }
    for (const endpoint of [
      'http://otel.corp.test',
      'http://localhost.corp.test',
      'grpc://localhost',
      'https://user:word@otel.corp.test',
      'https://otel.corp.test?key=1',
      'otel.corp.test:4318',
    ]) {
      const refused = { ...good(), SALLYPORT_OTLP_ENDPOINT: endpoint };
      expect(problemsOf(refused)).toEqual(['SALLYPORT_OTLP_ENDPOINT']);
    }
    for (const headers of ['nothing', 'a=b,,c=d', 'a=%zz', 'a=%0d%0ab', 'b c=d']) {
      const refused = { ...traced, SALLYPORT_OTLP_HEADERS: headers };
      expect(problemsOf(refused)).toEqual(['SALLYPORT_OTLP_HEADERS']);
    }
    for (const percent of ['101', '-1', 'all', '1e1']) {
      const refused = { ...good(), SALLYPORT_TRACE_SAMPLE_PERCENT: percent };
      expect(problemsOf(refused)).toEqual(['SALLYPORT_TRACE_SAMPLE_PERCENT']);
    }
    expect(problemsOf({ ...traced, SALLYPORT_OTLP_ENDPOINT: undefined })).toEqual([
      'SALLYPORT_OTLP_HEADERS',
      'SALLYPORT_OTLP_CA',
    ]);
  });

  it('listens for questions of front proxies where it is told to, and nowhere else', () => {
    const at = (text: string) => ({ ...good(), SALLYPORT_FORWARD_AUTH_LISTEN: text });
    expect(readEdgeConfig(good()).forwardAuthListen).toBeNull();
    expect(readEdgeConfig(at('10.0.0.1:9444')).forwardAuthListen).toEqual({
      host: '10.0.0.1',
      port: 9444,
    });
    for (const text of ['9444', '127.0.0.1:1,127.0.0.1:2']) {
      expect(problemsOf(at(text))).toEqual(['SALLYPORT_FORWARD_AUTH_LISTEN']);
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
      drainNoticeMs: 5_000,
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
