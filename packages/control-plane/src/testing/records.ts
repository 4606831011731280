import type { AccessRecord } from '@sallyport/shared/access-record';
import { newId } from '@sallyport/shared/ids';

/** A record of a permitted request, but for what a test says. */
export function accessRecord(more: Partial<AccessRecord> = {}): AccessRecord {
  return {
    kind: 'access',
    time: new Date().toISOString(),
    correlationId: newId('req'),
    traceparent: '',
    edge: 'edg_test',
    region: 'south',
    sourceAddress: '203.0.113.7',
    method: 'GET',
    host: 'wiki.corp.test',
    path: '/',
    queryRedacted: false,
    legacy: [],
    userAgent: 'test',
    userId: null,
    userEmail: null,
    sid: null,
    deviceId: null,
    certificateSha256: null,
    route: 'wiki',
    outcome: 'permit',
    reasons: ['rule_allowed'],
    ruleIds: [],
    configVersion: null,
    revisions: {},
    facts: null,
    wouldDeny: null,
    shadow: null,
    status: 200,
    ending: 'complete',
    decisionUs: 5,
    upstreamMs: 1,
    totalMs: 2,
    bytesIn: 0,
    bytesOut: 0,
    ...more,
  };
}
