import type { Facts } from '@sallyport/policy';
import type { TestAdmin } from './admin.ts';

/** A small company for questions about policies: two routes, and rules by group. */

const apiVersion = 'sallyport.dev/v1';

export type Rules = Readonly<Record<string, unknown>>;

export const staffRules: Rules = { allow: [{ name: 'members', groups: ['employees'] }] };

/** Documents in which the policy of the wiki says this, and that of the payroll that. */
export function rehearsedDocuments(wiki: Rules = staffRules, payroll: Rules = staffRules) {
  const route = (name: string, more: Rules = {}) => ({
    apiVersion,
    kind: 'Route',
    metadata: { name },
    spec: {
      match: [{ host: `${name}.corp.test` }],
      policies: [name],
      upstream: { url: `https://${name}.internal.test` },
      ...more,
    },
  });
  const policy = (name: string, spec: Rules) => ({
    apiVersion,
    kind: 'Policy',
    metadata: { name },
    spec,
  });
  return [
    {
      apiVersion,
      kind: 'IdentityProvider',
      metadata: { name: 'corp' },
      spec: { issuer: 'https://idp.corp.test', clientId: 'x', clientSecret: 'corp-secret' },
    },
    {
      apiVersion,
      kind: 'Settings',
      metadata: { name: 'default' },
      spec: { signIn: { host: 'signin.corp.test', identityProvider: 'corp' } },
    },
    policy('wiki', wiki),
    policy('payroll', payroll),
    route('wiki'),
    route('payroll'),
  ];
}

/** Applies documents as the next version, as a release or as a candidate; gives its number. */
export async function applyDocuments(
  admin: TestAdmin,
  documents: readonly unknown[],
  mode: 'release' | 'candidate' = 'release',
): Promise<number> {
  const answer = await admin.send('POST', '/v1/config:apply', { body: { documents, mode } });
  const body = answer.body as { readonly version: number };
  if (answer.status !== 201) throw new Error(`apply: ${answer.status} ${JSON.stringify(body)}`);
  return body.version;
}

/** Stores what the documents need, and releases the first version. */
export async function rehearsedWorld(admin: TestAdmin): Promise<number> {
  await admin.send('PUT', '/v1/secrets/corp-secret', { body: { value: 'x' } });
  return applyDocuments(admin, rehearsedDocuments());
}

/** Facts of somebody who is signed in; null: of nobody. */
export function factsOf(
  user: string | null,
  groups: readonly string[] = ['employees'],
  more: Partial<Facts> = {},
): Facts {
  const nowMs = Date.now();
  const nobody = { kind: 'none' } as const;
  return {
    nowMs,
    request: { method: 'GET', host: 'wiki.corp.test', path: '/', headers: {} },
    sourceAddress: '203.0.113.7',
    device: nobody,
    session:
      user === null
        ? nobody
        : {
            kind: 'live',
            sid: `ses_${user}`,
            userId: user,
            deviceId: null,
            authenticatedAtMs: nowMs,
            amr: ['pwd'],
            expiresAtMs: nowMs + 3_600_000,
          },
    user:
      user === null
        ? nobody
        : {
            kind: 'known',
            id: user,
            email: `${user}@corp.test`,
            groups,
            status: 'active',
            blocked: false,
            employment: null,
          },
    place: null,
    risk: null,
    lockdown: false,
    staleness: { revokeMs: 0, signalsMs: 0, configMs: 0, directoryMs: 0 },
    ...more,
  };
}
