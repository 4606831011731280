import { Compile } from 'typebox/schema';
import { describe, expect, it } from 'vitest';
import { type Kind, kinds } from './documents.ts';
import { configurationSchema, configurationSchemaText } from './json-schema.ts';
import { validateDocument } from './parse.ts';

/** By the published text alone, as an editor reads it. */
const published = Compile(JSON.parse(configurationSchemaText()) as object);
const accepts = (value: unknown): boolean => published.Check(value);

const document = (kind: string, spec: unknown, more: object = {}): unknown => ({
  apiVersion: 'sallyport.dev/v1',
  kind,
  metadata: { name: 'x', owner: 'security@corp.example', labels: { team: 'a' } },
  spec,
  ...more,
});
const upstream = { url: 'https://a.example' };
const good: readonly unknown[] = [
  document('Policy', { allow: [{ name: 'a', groups: ['x'], when: 'true' }] }),
  document('Policy', { conditions: [{ name: 'a', countries: ['DE'] }] }),
  document('Route', { match: [{ host: '*.a.example' }], policies: [], upstream }),
  document('ServiceIdentity', { devices: [`dev_${'0'.repeat(26)}`] }),
  document('TrustBundle', { use: ['upstream'], certificates: 'x' }),
  document('Settings', {
    signIn: { host: 'signin.a.example', identityProvider: 'idp' },
    approval: { required: true },
    staleness: { revoke: 'serve', config: { denyAfter: '1d' } },
    rollout: {
      rings: [{ name: 'canary', edges: { matchLabels: { ring: 'canary' } }, bake: '10m' }],
      gates: { denialRateFactor: 2, denialsMin: 20 },
      blastRadius: { usersShare: 0.05, window: '7d' },
    },
  }),
];
const bad: readonly unknown[] = [
  null,
  7,
  'Policy',
  {},
  document('Polici', {}),
  document('Policy', null),
  document('Policy', { allow: [{ name: 'a', group: ['x'] }] }),
  document('Policy', { allow: [{ groups: ['x'] }] }),
  document('Policy', { allow: [{ name: 'a', time: [{ from: '8', to: '9', zone: 'UTC' }] }] }),
  document('Policy', { deny: [{ name: 'a', anonymous: true }] }),
  document('Policy', { stepUp: [{ name: 'a' }] }),
  document('Policy', {}, { apiVersion: 'sallyport.dev/v2' }),
  document('Policy', {}, { metadata: { name: 'A' } }),
  document('Policy', {}, { status: {} }),
  document('Route', { match: [{ host: 'a.example' }], policies: [], upstream, monitor: {} }),
  document('Settings', { signIn: { host: 'a', identityProvider: 'b' }, rollout: {} }),
];

describe('the published JSON Schema', () => {
  it.each(good)('accepts what is valid: document %#', (value) => {
    expect(validateDocument(value, '')).toHaveProperty('document');
    expect(accepts(value)).toBe(true);
  });

  it.each(bad)('refuses what is not: document %#', (value) => {
    expect(validateDocument(value, '')).toHaveProperty('problems');
    expect(accepts(value)).toBe(false);
  });

  it('takes a list of documents, as a file in JSON may be', () => {
    expect(accepts(good)).toBe(true);
    expect(accepts([...good, bad[5]])).toBe(false);
  });

  it('knows every kind, and says of each what it is', () => {
    const { definitions } = configurationSchema() as { definitions: Record<string, object> };
    for (const kind of Object.keys(kinds) as Kind[]) {
      expect(definitions[kind]).toHaveProperty('description');
    }
  });
});
