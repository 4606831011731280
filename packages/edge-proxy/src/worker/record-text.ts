import type { Facts } from '@sallyport/policy';
import type { AccessRecord } from '@sallyport/shared/access-record';

/**
 * What JSON.stringify gives of a record, for two thirds of the time: most of what two requests of a
 * session were decided on is the same, and the same objects, which nobody changes.
 */
export function recordText(record: AccessRecord): string {
  const { redacted, facts } = record;
  // What something was taken out of is a copy, which does not come again.
  const text: ToText = redacted.length === 0 ? keptText : freshText;
  const names: Names = {
    record,
    sourceAddress: quoted(record.sourceAddress),
    method: quoted(record.method),
    host: quoted(record.host),
    path: quoted(record.path),
  };
  return (
    `{"kind":"${record.kind}","time":"${record.time}","correlationId":"${record.correlationId}"` +
    `,"traceparent":"${record.traceparent}","edge":${quoted(record.edge)}` +
    `,"region":${quoted(record.region)},"sourceAddress":${names.sourceAddress}` +
    `,"method":${names.method},"host":${names.host},"path":${names.path}` +
    `,"query":${textOrNull(record.query)},"queryRedacted":${record.queryRedacted}` +
    `,"userAgent":${quoted(record.userAgent)},"legacy":${listText(record.legacy)}` +
    `,"largeHeaders":${record.largeHeaders.length === 0 ? '[]' : freshText(record.largeHeaders)}` +
    `,"userId":${textOrNull(record.userId)},"userEmail":${textOrNull(record.userEmail)}` +
    `,"sid":${textOrNull(record.sid)},"deviceId":${textOrNull(record.deviceId)}` +
    `,"certificateSha256":${textOrNull(record.certificateSha256)}` +
    `,"route":${textOrNull(record.route)},"outcome":"${record.outcome}"` +
    `,"reasons":${listText(record.reasons)},"ruleIds":${listText(record.ruleIds)}` +
    `,"configVersion":${record.configVersion},"revisions":${text(record.revisions)}` +
    `,"facts":${facts === null ? 'null' : factsText(facts, names, text)}` +
    `,"wouldDeny":${freshText(record.wouldDeny)},"shadow":${freshText(record.shadow)}` +
    `,"redacted":${listText(redacted)},"status":${record.status}` +
    `,"ending":${quoted(record.ending)},"decisionUs":${record.decisionUs}` +
    `,"upstreamMs":${record.upstreamMs},"totalMs":${record.totalMs}` +
    `,"bytesIn":${record.bytesIn},"bytesOut":${record.bytesOut}}`
  );
}

/** What stands in a record and, unless something was taken out, in its facts too; as JSON. */
interface Names {
  readonly record: AccessRecord;
  readonly sourceAddress: string;
  readonly method: string;
  readonly host: string;
  readonly path: string;
}

function factsText(facts: Facts, names: Names, text: ToText): string {
  const { request, sourceAddress, staleness } = facts;
  const { record } = names;
  const method = request.method === record.method ? names.method : quoted(request.method);
  const host = request.host === record.host ? names.host : quoted(request.host);
  const path = request.path === record.path ? names.path : quoted(request.path);
  const isSameAddress = sourceAddress === record.sourceAddress;
  const address = isSameAddress ? names.sourceAddress : quoted(sourceAddress);
  return (
    `{"nowMs":${facts.nowMs},"request":{"method":${method},"host":${host},"path":${path}` +
    `,"headers":${JSON.stringify(request.headers)}},"sourceAddress":${address}` +
    `,"device":${text(facts.device)},"session":${text(facts.session)},"user":${text(facts.user)}` +
    `,"place":${text(facts.place)},"risk":${text(facts.risk)},"lockdown":${facts.lockdown}` +
    `,"staleness":{"revokeMs":${staleness.revokeMs},"signalsMs":${staleness.signalsMs}` +
    `,"configMs":${staleness.configMs},"directoryMs":${staleness.directoryMs}}}`
  );
}

type ToText = (value: object | null) => string;

const keptTexts = new WeakMap<object, string>();

function keptText(value: object | null): string {
  if (value === null) return 'null';
  const known = keptTexts.get(value);
  if (known !== undefined) return known;
  const text = JSON.stringify(value);
  keptTexts.set(value, text);
  return text;
}

function freshText(value: object | null): string {
  return value === null ? 'null' : JSON.stringify(value);
}

/** What JSON writes as it is, of what is ASCII. */
const plain = /^[ !#-[\]-~]*$/;

function quoted(text: string): string {
  return plain.test(text) ? `"${text}"` : JSON.stringify(text);
}

function textOrNull(text: string | null): string {
  return text === null ? 'null' : quoted(text);
}

function listText(list: readonly string[]): string {
  const [only, second] = list;
  if (only === undefined) return '[]';
  return second === undefined ? `[${quoted(only)}]` : JSON.stringify(list);
}
