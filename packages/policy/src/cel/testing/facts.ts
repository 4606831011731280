import type { DeviceFacts, Facts } from '../../facts.ts';
import { GroupIndex } from '../../groups.ts';
import { View } from '../../view.ts';

/** A Wednesday, 13:00 in Berlin. */
export const nowMs: number = Date.parse('2026-01-07T12:00:00Z');
export const device: DeviceFacts = {
  kind: 'known',
  id: 'dev_1',
  managed: true,
  ownerUserId: 'usr_1',
  certificateSha256: 'aa',
  certificateNotBeforeMs: nowMs - 86_400_000,
  certificateNotAfterMs: nowMs + 86_400_000,
  posture: [
    { name: 'disk-encrypted', value: true, observedAtMs: nowMs - 60_000 },
    { name: 'os-version', value: 14.5, observedAtMs: nowMs - 60_000 },
    { name: 'os', value: 'macos', observedAtMs: nowMs - 60_000 },
  ],
  blocked: null,
};
/** Somebody signed in, of whom everything is known. */
export const facts: Facts = {
  nowMs,
  request: { method: 'GET', host: 'app.corp.example', path: '/api/reports/7', headers: {} },
  sourceAddress: '10.1.2.3',
  device,
  session: {
    kind: 'live',
    sid: 'ses_1',
    userId: 'usr_1',
    deviceId: 'dev_1',
    authenticatedAtMs: nowMs - 600_000,
    amr: ['pwd', 'hwk'],
    expiresAtMs: nowMs + 3_600_000,
  },
  user: {
    kind: 'known',
    id: 'usr_1',
    email: 'Ada@corp.example',
    groups: ['eng', 'eng-lead', 'staff'],
    status: 'active',
    blocked: false,
    employment: { class: 'contractor', endsAtMs: nowMs + 86_400_000 },
  },
  place: { country: 'DE', region: 'Bavaria', asn: 3320, egress: '' },
  risk: { score: 42.5, signals: ['new-device'], untilMs: null },
  lockdown: false,
  staleness: { revokeMs: 0, signalsMs: 0, configMs: 0, directoryMs: 0 },
};
/** The same without a session. */
export const stranger: Facts = { ...facts, session: { kind: 'none' }, user: { kind: 'none' } };
/** The same from no device, of which nothing else is known. */
export const bare: Facts = { ...facts, device: { kind: 'none' }, place: null, risk: null };

/** As a decision would see them. */
export function viewOf(given: Facts): View {
  const tables = {
    groups: new GroupIndex(),
    serviceOf: (id: string) => (id === 'dev_ci' ? 'ci' : null),
  };
  return new View(tables, given, given.request.path.split('/').slice(1));
}
