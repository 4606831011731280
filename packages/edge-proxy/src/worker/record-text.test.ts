import type { Facts } from '@sallyport/policy';
import type { AccessRecord } from '@sallyport/shared/access-record';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { recordText } from './record-text.ts';

const text = fc.string({ unit: 'binary', maxLength: 20 });
const long = fc.string({ minLength: 120, maxLength: 140 });
const texts = fc.array(text, { maxLength: 3 });
const textOrNull = fc.option(text);
const count = fc.integer({ min: 0 });
/** Objects that come again from record to record, and those that do not. */
const again = [
  { kind: 'known', id: 'a', groups: ['"', 'é'] },
  { kind: 'none' },
  { score: 1, signals: ['x'], untilMs: null },
];
const part = fc.oneof(fc.constantFrom(...again), fc.dictionary(text, fc.jsonValue()));

/** Few, so that a record and its facts often say the same. */
const name = fc.constantFrom('a', '"', 'é', '');

/** Every member that facts have, so that one that is added here must be written. */
const facts = fc.record({
  nowMs: count,
  request: fc.record({
    method: name,
    host: name,
    path: name,
    headers: fc.dictionary(text, texts),
  } satisfies Record<keyof Facts['request'], unknown>),
  sourceAddress: name,
  device: part,
  session: part,
  user: part,
  place: fc.option(part),
  risk: fc.option(part),
  lockdown: fc.boolean(),
  staleness: fc.record({
    revokeMs: count,
    signalsMs: count,
    configMs: count,
    directoryMs: count,
  } satisfies Record<keyof Facts['staleness'], unknown>),
} satisfies Record<keyof Facts, unknown>);
const verdict = fc.option(fc.record({ reasons: texts, ruleIds: texts }));

/** Every member that a record has, so that one that is added here must be written. */
const members = {
  kind: fc.constant('access'),
  time: fc.constant('2026-11-23T09:34:49.219Z'),
  correlationId: fc.constant('req_628fsg6q1wz8v2cjhr3091p8jv'),
  traceparent: fc.constant('00-38a958d301b0ea952f3d3dfadd20865a-62d21f3633248aa3-01'),
  edge: text,
  region: text,
  sourceAddress: name,
  method: name,
  host: name,
  path: fc.oneof(name, fc.constant('/\ud800')),
  query: textOrNull,
  queryRedacted: fc.boolean(),
  userAgent: fc.oneof(text, long),
  legacy: texts,
  largeHeaders: fc.array(fc.record({ what: text, bytes: count }), { maxLength: 2 }),
  userId: textOrNull,
  userEmail: textOrNull,
  sid: textOrNull,
  deviceId: textOrNull,
  certificateSha256: textOrNull,
  route: textOrNull,
  outcome: fc.constantFrom('permit', 'deny', 'own'),
  reasons: texts,
  ruleIds: texts,
  configVersion: fc.option(count),
  revisions: part,
  facts: fc.option(facts),
  wouldDeny: verdict,
  shadow: verdict,
  redacted: fc.constantFrom([], ['userEmail']),
  status: count,
  ending: text,
  decisionUs: count,
  upstreamMs: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })),
  totalMs: fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
  bytesIn: count,
  bytesOut: count,
} satisfies Record<keyof AccessRecord, unknown>;

describe('the text of a record', () => {
  it('is what JSON makes of it, member for member', () => {
    fc.assert(
      fc.property(fc.record(members), (record) => {
        // Twice: what was kept the first time is what is written then.
        expect(recordText(record as unknown as AccessRecord)).toBe(JSON.stringify(record));
        expect(recordText(record as unknown as AccessRecord)).toBe(JSON.stringify(record));
      }),
      { numRuns: 300 },
    );
  });
});
