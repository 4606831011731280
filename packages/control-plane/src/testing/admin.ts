import type { AddressInfo } from 'node:net';
import { createInstallation } from '@sallyport/shared/init/installation';
import { parseSeed } from '@sallyport/shared/init/seed';
import { newToken } from '@sallyport/shared/keys/tokens';
import { parseKeyFile } from '@sallyport/shared/seal';
import { Registry } from 'prom-client';
import { Agent, type Dispatcher } from 'undici';
import { afterAll } from 'vitest';
import type { AdminContext } from '../admin/context.ts';
import { createAdminServer } from '../admin/server.ts';
import { createAdminMetrics } from '../ops/metrics.ts';
import { usersAffected } from '../simulate/users-affected.ts';
import { PolicyVersions } from '../simulate/versions.ts';
import { insertToken } from '../store/admin-tokens.ts';
import { loadAuthority } from '../store/keys.ts';
import { type Role, roles } from '../store/schema/index.ts';
import { importSeed } from '../store/seed.ts';
import { type TestDatabase, type TestDatabaseOptions, testDatabase, testLog } from './database.ts';
import { type OpenApi, undocumented } from './openapi.ts';
import { type DescribedReceipts, describedReceipts } from './receipts.ts';

export interface TestAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Json;
}

// Answers are looked into freely by tests, which say what they expect.
// oxlint-disable-next-line typescript/no-explicit-any
export type Json = any;

export interface TestRequest {
  readonly role?: Role;
  /** Instead of a role's token; null: none. */
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** The body as it is. */
  readonly raw?: string | Buffer;
}

export interface TestAdmin extends TestDatabase {
  readonly origin: string;
  readonly context: AdminContext;
  readonly receipts: DescribedReceipts;
  readonly tokens: Readonly<Record<Role, string>>;
  readonly openApi: OpenApi;
  /** Every answer of success is held to the OpenAPI document. */
  send(method: string, path: string, request?: TestRequest): Promise<TestAnswer>;
  /** Closes the API as a shutdown does; resolves when every request is answered. */
  close(): Promise<void>;
  /** PEM of the authority of the API's certificate. */
  readonly ca: string;
  /** PEM of the root key's private half. */
  readonly rootKeyPem: string;
}

const closers: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const close of closers.splice(0)) await close();
});

/** An admin API on a port of its own, over a real database, with a token of each role. */
export async function testAdmin(options: TestDatabaseOptions = {}): Promise<TestAdmin> {
  const { database, url } = await testDatabase(options);
  const nowMs = Date.now();
  const { files } = await createInstallation({ trustDomain: 'corp.test', nowMs });
  const text = (path: string): string => files.find((file) => file.path === path)?.contents ?? '';
  const sealKey = parseKeyFile(text('key-file'));
  const seed = parseSeed(text('seed.json'), sealKey);
  await importSeed(database, seed, sealKey, nowMs);
  const receipts = describedReceipts();
  const context: AdminContext = {
    database,
    clock: () => Date.now(),
    log: testLog,
    sealKey,
    trustDomain: 'corp.test',
    rootPublicKey: seed.rootPublicKey,
    deviceAuthority: await loadAuthority(database.db, 'device-ca', sealKey, nowMs),
    receipts,
    usersAffected,
    metrics: createAdminMetrics(new Registry()),
    policies: new PolicyVersions(),
  };
  const app = await createAdminServer(context, {
    certificate: text('admin/server.pem'),
    privateKey: text('admin/server.key.pem'),
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const origin = `https://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  const ca = text('ca/admin.pem');
  const agent = new Agent({ connect: { ca } });
  closers.push(async () => {
    await agent.destroy();
    await app.close();
  });
  const tokens = await insertTokens(context, nowMs);
  const openApi = app.swagger() as OpenApi;
  return {
    database,
    url,
    origin,
    context,
    receipts,
    tokens,
    ca,
    rootKeyPem: text('root.key.pem'),
    openApi,
    close: () => app.close(),
    async send(method, path, request = {}) {
      const answer = await send(agent, origin, tokens, method, path, request);
      if (answer.status >= 200 && answer.status < 300 && path !== '/openapi.json') {
        const problems = undocumented(openApi, method, path, answer.status, answer.body);
        if (problems.length > 0) throw new Error(problems.join('; '));
      }
      return answer;
    },
  };
}

async function insertTokens(context: AdminContext, nowMs: number): Promise<Record<Role, string>> {
  const made: [Role, string][] = [];
  for (const role of roles) {
    const { token, sha256 } = newToken('adm');
    await insertToken(context.database.db, {
      id: `tok_${role
        .replace(/[^a-z]/g, '')
        .padEnd(26, '0')
        .replaceAll(/[ilou]/g, '0')}`,
      tokenHash: sha256,
      role,
      label: role,
      createdBy: 'test',
      createdAtMs: nowMs,
      expiresAtMs: null,
    });
    made.push([role, token]);
  }
  return Object.fromEntries(made) as Record<Role, string>;
}

async function send(
  agent: Agent,
  origin: string,
  tokens: Readonly<Record<Role, string>>,
  method: string,
  path: string,
  { role = 'owner', token, headers = {}, body, raw }: TestRequest,
): Promise<TestAnswer> {
  const credentials = token === undefined ? tokens[role] : token;
  const content = raw ?? (body === undefined ? null : JSON.stringify(body));
  const response = await agent.request({
    origin,
    method: method as Dispatcher.HttpMethod,
    path,
    headers: {
      ...(credentials === null ? {} : { authorization: `Bearer ${credentials}` }),
      ...(content === null ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    body: content,
  });
  const text = await response.body.text();
  const { statusCode: status, headers: received } = response;
  return { status, headers: received, body: parse(text) };
}

function parse(text: string): unknown {
  try {
    return text === '' ? null : JSON.parse(text);
  } catch {
    return text;
  }
}
