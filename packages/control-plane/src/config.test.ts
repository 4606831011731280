import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ConfigurationError } from '@sallyport/shared/config';
import { createInstallation } from '@sallyport/shared/init/installation';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readConfig } from './config.ts';

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'sallyport-config-'));
  const { files } = await createInstallation({ trustDomain: 'corp.test', nowMs: Date.now() });
  for (const { path, contents } of files) {
    await mkdir(dirname(join(home, path)), { recursive: true });
    await writeFile(join(home, path), contents);
  }
});
afterAll(() => rm(home, { recursive: true, force: true }));

function problemsOf(environment: Record<string, string>): string[] {
  try {
    readConfig(environment);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.problems.map((problem) => problem.field);
  }
}

test('a home that init made is all that is needed', () => {
  const config = readConfig({ SALLYPORT_HOME: home });
  expect(config).toMatchObject({
    home,
    keyFile: join(home, 'key-file'),
    databaseUrl: null,
    admin: { listen: { host: '127.0.0.1', port: 8443 } },
    grpc: { listen: { host: '127.0.0.1', port: 8444 }, names: ['localhost'] },
    ops: { listen: { host: '127.0.0.1', port: 8445 } },
    logLevel: 'info',
  });
  expect(Object.isFrozen(config.admin.listen)).toBe(true);
});

test('all problems are told at once', () => {
  const fields = problemsOf({
    SALLYPORT_HOME: home,
    DATABASE_URL: 'mysql://root:hunter2@db/x',
    SALLYPORT_ADMIN_LISTEN: 'nowhere',
    SALLYPORT_GRPC_LISTEN: '127.0.0.1:99999',
    SALLYPORT_OPS_LISTEN: '0.0.0.0:8445',
    SALLYPORT_ADMIN_KEY: join(home, 'absent.pem'),
    SALLYPORT_LOG_LEVEL: 'loud',
  });
  expect(fields.sort()).toEqual([
    'DATABASE_URL',
    'SALLYPORT_ADMIN_KEY',
    'SALLYPORT_ADMIN_LISTEN',
    'SALLYPORT_GRPC_LISTEN',
    'SALLYPORT_LOG_LEVEL',
    'SALLYPORT_OPS_LISTEN',
  ]);
});

test('the bus is absent unless servers are named, and is never used in the clear', () => {
  expect(readConfig({ SALLYPORT_HOME: home }).nats).toBeNull();
  const servers = 'tls://bus-1.corp.test:4222, tls://bus-2.corp.test:4222';
  expect(readConfig({ SALLYPORT_HOME: home, SALLYPORT_NATS_URL: servers }).nats).toEqual({
    servers: ['tls://bus-1.corp.test:4222', 'tls://bus-2.corp.test:4222'],
    ca: null,
    client: null,
  });
  const bad = ['nats://bus:4222', 'tls://user:secret@bus:4222', 'bus'];
  for (const url of bad) {
    expect(problemsOf({ SALLYPORT_HOME: home, SALLYPORT_NATS_URL: url })).toEqual([
      'SALLYPORT_NATS_URL',
    ]);
  }
  const half = { SALLYPORT_NATS_URL: servers, SALLYPORT_NATS_CERT: join(home, 'ca/edge.pem') };
  expect(problemsOf({ SALLYPORT_HOME: home, ...half })).toEqual(['SALLYPORT_NATS_CERT']);
});

test('a password in the database URL is never told', () => {
  const read = () =>
    readConfig({ SALLYPORT_HOME: home, DATABASE_URL: 'mysql://root:hunter2@db/x' });
  expect(read).toThrow(ConfigurationError);
  expect(read).not.toThrow(/hunter2/);
});

test('a certificate and a key that do not belong together are refused', () => {
  const fields = problemsOf({
    SALLYPORT_HOME: home,
    SALLYPORT_ADMIN_CERT: join(home, 'ca', 'admin.pem'),
  });
  expect(fields).toEqual(['SALLYPORT_ADMIN_CERT']);
});

test('operations are on loopback only', () => {
  for (const listen of ['127.0.0.1:0', 'localhost:0', '[::1]:0', '127.3.2.1:1']) {
    expect([listen, problemsOf({ SALLYPORT_HOME: home, SALLYPORT_OPS_LISTEN: listen })]).toEqual([
      listen,
      [],
    ]);
  }
  for (const listen of ['0.0.0.0:0', '[::]:0', '10.0.0.1:1', '127.evil.test:1', 'example.test:1']) {
    expect([listen, problemsOf({ SALLYPORT_HOME: home, SALLYPORT_OPS_LISTEN: listen })]).toEqual([
      listen,
      ['SALLYPORT_OPS_LISTEN'],
    ]);
  }
});

test('a misspelt variable is a warning with a guess', () => {
  const { warnings } = readConfig({ SALLYPORT_HOME: home, SALLYPORT_REPLCIA: 'a' });
  expect(warnings).toEqual([
    {
      field: 'SALLYPORT_REPLCIA',
      message: 'is not a setting of this process; did you mean SALLYPORT_REPLICA?',
    },
  ]);
});
