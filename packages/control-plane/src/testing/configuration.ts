import type { AccessRecord } from '@sallyport/shared/access-record';
import type { ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { factsOf } from '@sallyport/shared/configuration/tests/facts';
import { insertAccessRecords } from '../store/access-records.ts';
import type { Database } from '../store/database.ts';
import { type TestAdmin, type TestAnswer, testAdmin } from './admin.ts';
import { accessRecord } from './records.ts';

const apiVersion = 'sallyport.dev/v1';

export type SettingsSpec = Extract<ConfigurationDocument, { kind: 'Settings' }>['spec'];

/** Settings with a sign-in that has its secret (`configured`), and what a test adds. */
export function settings(more: Partial<SettingsSpec> = {}): ConfigurationDocument {
  return {
    apiVersion,
    kind: 'Settings',
    metadata: { name: 'default' },
    spec: { signIn: { host: 'signin.corp.test', identityProvider: 'corp' }, ...more },
  };
}

const provider: ConfigurationDocument = {
  apiVersion,
  kind: 'IdentityProvider',
  metadata: { name: 'corp' },
  spec: { issuer: 'https://idp.corp.test', clientId: 'sallyport', clientSecret: 'corp-secret' },
};

/** The policy `staff`, which lets members of these groups through. */
export function staff(groups: readonly string[]): ConfigurationDocument {
  return {
    apiVersion,
    kind: 'Policy',
    metadata: { name: 'staff' },
    spec: { allow: [{ name: 'members', groups: [...groups] }] },
  };
}

/** A route to `<name>.corp.test`. */
export function route(name: string, policies: string[] = ['staff']): ConfigurationDocument {
  return {
    apiVersion,
    kind: 'Route',
    metadata: { name },
    spec: {
      match: [{ host: `${name}.corp.test` }],
      policies,
      upstream: { url: `https://${name}.internal.corp.test` },
    },
  };
}

/** A whole set: everybody in `groups` may reach the route `wiki`. */
export function wikiSet(
  groups: readonly string[],
  more: Partial<SettingsSpec> = {},
): ConfigurationDocument[] {
  return [provider, settings(more), staff(groups), route('wiki')];
}

/** An admin API whose live version, 1, is this set. */
export async function configured(documents: readonly ConfigurationDocument[]): Promise<TestAdmin> {
  const admin = await testAdmin();
  await admin.send('PUT', '/v1/secrets/corp-secret', { body: { value: 'the value' } });
  const answer = await apply(admin, { documents });
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
  return admin;
}

export async function apply(admin: TestAdmin, body: object): Promise<TestAnswer> {
  return admin.send('POST', '/v1/config:apply', { body });
}

/** Records that a user opened a page, as an edge would have written it. */
export async function visit(
  database: Database,
  name: string,
  groups: readonly string[],
  more: Partial<AccessRecord> = {},
): Promise<void> {
  const email = `${name}@corp.test`;
  const id = `usr_${name.replaceAll(/[^a-z0-9]|[ilou]/g, '0').padEnd(26, 'z')}`;
  const made = factsOf(
    {
      name: 'visit',
      request: { method: 'GET', url: 'https://wiki.corp.test/pages/1' },
      user: { id, email, groups: [...groups] },
      expect: { outcome: 'permit' },
    },
    [],
  );
  if ('refused' in made) throw new Error(made.refused);
  const record = accessRecord({
    userId: id,
    userEmail: email,
    route: 'wiki',
    facts: made.facts,
    ...more,
  });
  await insertAccessRecords(database, record.edge, [record], Date.now());
}
