import { eq } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { findings } from '../store/schema/index.ts';
import { apply, configured, route, settings, wikiSet } from '../testing/configuration.ts';
import { berlin, newYork, replicaSignals, sightedAt, signedInUser } from '../testing/signals.ts';
import type { SeenEvidence } from './evidence.ts';
import { redactEvidence } from './redact-evidence.ts';

const place = { country: 'DE', region: 'Hamburg', latitude: 53.6, longitude: 10, asn: 3320 };
const seen = { atMs: 1, deviceId: 'dev_1', ...place, egress: 'office' };
const evidence: SeenEvidence = {
  kind: 'sighted',
  here: { id: 'req_1', sourceAddress: '203.0.113.7', ...seen },
  before: seen,
  route: 'wiki',
};
const nowhere = { region: null, latitude: null, longitude: null, asn: null, egress: null };

describe('the evidence of a signal', () => {
  it.each([
    ['sourceAddress', 'remove', { sourceAddress: '' }, {}],
    ['sourceAddress', 'hash', { sourceAddress: '' }, {}],
    ['sourceAddress', 'truncate', { sourceAddress: '203.0.113.0/24' }, {}],
    ['place', 'truncate', nowhere, nowhere],
    ['place', 'remove', { ...nowhere, country: null }, { ...nowhere, country: null }],
    ['userAgent', 'remove', {}, {}],
  ] as const)('follows records: %s as %s', (field, as, here, before) => {
    const shown = redactEvidence(evidence, { usual: [{ field, as }], byRoute: new Map() });
    expect(shown).toEqual({
      ...evidence,
      here: { ...evidence.here, ...here },
      before: { ...seen, ...before },
    });
  });

  it('follows what its route says in the place of the settings', () => {
    const usual = [{ field: 'sourceAddress', as: 'remove' }] as const;
    expect(redactEvidence(evidence, { usual, byRoute: new Map([['wiki', []]]) })).toEqual(evidence);
    const other = redactEvidence(evidence, { usual, byRoute: new Map([['other', []]]) });
    expect(other.here.sourceAddress).toBe('');
  });

  it('is written down so, while detectors see all of it', async () => {
    const admin = await configured(wikiSet(['staff']));
    const alice = await signedInUser(admin.database);
    const redact = [
      { field: 'sourceAddress', as: 'truncate' },
      { field: 'place', as: 'truncate' },
    ] as const;
    const documents = [settings({ records: { redact: [...redact] } }), route('wiki')];
    expect((await apply(admin, { documents })).status).toBe(201);
    const nowMs = Date.now();
    const replica = replicaSignals(admin.database);
    await replica.take([
      sightedAt(alice, berlin, nowMs - 60_000),
      sightedAt(alice, newYork, nowMs),
    ]);
    const rows = await admin.database.db
      .select()
      .from(findings)
      .where(eq(findings.detector, 'impossible-travel'));
    expect(rows.map((row) => row.evidence)).toMatchObject([
      {
        here: { sourceAddress: '203.0.113.0/24', country: 'US', latitude: null, asn: null },
        before: { country: 'DE', latitude: null, asn: null },
      },
    ]);
  });
});
