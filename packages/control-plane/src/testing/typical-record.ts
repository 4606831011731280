import type { AccessRecord } from '@sallyport/shared/access-record';
import { accessRecord } from './records.ts';

const groups = ['employees', 'engineering', 'on-call', 'wiki-editors', 'vpn-users'];
const apps = ['wiki', 'reports', 'tickets', 'payroll', 'builds', 'mail', 'crm', 'metrics'];

/** A record as most are: of a known user and device, with all facts. `user`: which one. */
export function typicalRecord(user: number): AccessRecord {
  const nowMs = Date.now();
  const suffix = user.toString(32).padStart(26, '0');
  const [userId, deviceId, sid] = [`usr_${suffix}`, `dev_${suffix}`, `ses_${suffix}`];
  const app = apps[user % apps.length] ?? 'wiki';
  const email = `user${user}@corp.example`;
  const certificateSha256 = user.toString(16).padStart(64, '0');
  const sourceAddress = `203.0.${user % 250}.${user % 200}`;
  const path = `/pages/${user}/history`;
  const denied = user % 50 === 0;
  return accessRecord({
    time: new Date(nowMs).toISOString(),
    traceparent: `00-${certificateSha256.slice(0, 32)}-${certificateSha256.slice(0, 16)}-01`,
    sourceAddress,
    host: `${app}.corp.example`,
    path,
    userAgent:
      'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
    userId,
    userEmail: email,
    sid,
    deviceId,
    certificateSha256,
    route: app,
    outcome: denied ? 'deny' : 'permit',
    reasons: [denied ? 'group_missing' : 'rule_allowed'],
    ruleIds: ['staff/allow/employees'],
    configVersion: 42,
    revisions: {
      revoke: { epoch: 1_795_386_641, rev: 1_234 },
      config: { epoch: 1_795_386_641, rev: 77 },
      directory: { epoch: 1_795_386_641, rev: 98_765 },
      signals: { epoch: 1_795_386_641, rev: 4_321 },
    },
    facts: {
      nowMs,
      request: { method: 'GET', host: `${app}.corp.example`, path, headers: {} },
      sourceAddress,
      device: {
        kind: 'known',
        id: deviceId,
        managed: true,
        ownerUserId: userId,
        certificateSha256,
        certificateNotBeforeMs: nowMs - 86_400_000,
        certificateNotAfterMs: nowMs + 86_400_000,
        posture: [],
        blocked: null,
      },
      session: {
        kind: 'live',
        sid,
        userId,
        deviceId,
        authenticatedAtMs: nowMs - 3_600_000,
        amr: ['pwd', 'otp'],
        expiresAtMs: nowMs + 3_600_000,
      },
      user: {
        kind: 'known',
        id: userId,
        email,
        groups,
        status: 'active',
        blocked: false,
        employment: null,
      },
      place: null,
      risk: null,
      lockdown: false,
      staleness: { revokeMs: 1_200, signalsMs: 900, configMs: 1_000, directoryMs: 1_100 },
    },
    status: denied ? 403 : 200,
    bytesIn: 512,
    bytesOut: 18_432,
  });
}
