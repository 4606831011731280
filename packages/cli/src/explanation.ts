import { reasons } from '@sallyport/policy';
import { type Json, readObject, readObjects, show, showTime, showValue } from './client/reading.ts';
import { printable } from './output/printable.ts';
import { fields } from './output/table.ts';
import { describeSteps } from './trace.ts';

/** A decision and how it came about, for a person to read from top to bottom. */
export function describeExplanation(record: Json, explanation: Json | null): string {
  const parts = [describeRequest(record), describeVerdict(record, explanation)];
  if (explanation === null) {
    parts.push(`There is nothing more to explain: ${whyNoSteps(record)}.\n`);
  } else {
    parts.push(`Steps:\n${describeSteps(readObjects(explanation, 'trace'))}`);
    if (explanation['agrees'] !== true) {
      const words = show(explanation, 'differences');
      const how = words === '' ? '' : ` (${printable(words)})`;
      parts.push(
        `Deciding again gives another verdict than the edge recorded${how}. That is a bug.\n`,
      );
    }
  }
  return parts.join('\n');
}

/** What was redacted cannot be decided on again; the other reasons look the same from here. */
function whyNoSteps(record: Json): string {
  const redacted = show(record, 'redacted');
  return redacted === ''
    ? 'no rules were asked, or their version is gone'
    : `the record is without ${redacted}, which "records.redact" takes out`;
}

function describeRequest(record: Json): string {
  return fields([
    ['Request', `${show(record, 'method')} ${show(record, 'host')}${show(record, 'path')}`],
    ['Time', showTime(record, 'time')],
    ['Reference', show(record, 'correlationId')],
    ['From', describeFrom(record)],
    ['User', withId(show(record, 'userEmail'), show(record, 'userId'))],
    ['Session', show(record, 'sid')],
    ['Device', withId(show(record, 'deviceId'), shortened(show(record, 'certificateSha256')))],
    ['Edge', withId(show(record, 'edge'), show(record, 'region'))],
    ['Route', show(record, 'route')],
    ['Version', show(record, 'configVersion')],
    ['Revisions', revisions(record)],
    ['Risk', describeRisk(record)],
    ['Status', show(record, 'status')],
    ['Ending', show(record, 'ending')],
  ]);
}

/** The address, and what was known of its place when it was decided. */
function describeFrom(record: Json): string {
  const place = readFact(record, 'place');
  const asn = show(place, 'asn');
  const egress = show(place, 'egress');
  const parts = [
    show(place, 'country'),
    show(place, 'region'),
    asn === '' ? '' : `AS${asn}`,
    egress === '' ? '' : `way out ${egress}`,
  ];
  return withId(show(record, 'sourceAddress'), parts.filter((part) => part !== '').join(', '));
}

/** The score that was decided with, and the names of the signals behind it. */
function describeRisk(record: Json): string {
  const risk = readFact(record, 'risk');
  return withId(show(risk, 'score'), show(risk, 'signals'));
}

/** One of the facts that were decided on; empty where there is none. */
function readFact(record: Json, name: string): Json {
  const { facts } = record;
  if (typeof facts !== 'object' || facts === null) return {};
  const fact: unknown = (facts as Json)[name];
  return typeof fact === 'object' && fact !== null ? (fact as Json) : {};
}

/**
 * The verdict with its reasons. A request that was permitted and cut off later has more reasons in
 * its record than its decision had: those of the later one.
 */
function describeVerdict(record: Json, explanation: Json | null): string {
  const outcome = show(record, 'outcome').toUpperCase().replace('_', ' ');
  const decision = explanation === null ? null : readObject(explanation['decision'], 'a decision');
  const decided = decision === null ? [] : readObjects(decision, 'reasons');
  const recorded = Array.isArray(record['reasons']) ? record['reasons'].map(showValue) : [];
  const describe = (code: string): string => describeReason(code, decided);
  const isLater = (code: string): boolean =>
    decision !== null && !decided.some((reason) => reason['code'] === code);
  const later = recorded.filter(isLater);
  const lines = [
    outcome,
    ...recorded.filter((code) => !isLater(code)).map(describe),
    ...(later.length > 0 ? [`and afterwards (${show(record, 'ending')})`] : []),
    ...later.map(describe),
    ...describeWouldDeny(decision),
    ...describeShadow(record),
  ];
  return `${lines.map(printable).join('\n')}\n`;
}

/** A reason in words, with what it is about where the decision says so. */
function describeReason(code: string, decided: readonly Json[]): string {
  const detail = decided.find((reason) => reason['code'] === code)?.['detail'];
  const by = detail === undefined ? '' : ` (${showValue(detail)})`;
  return `  ${code}${by}: ${sentenceOf(code)}`;
}

/** Monitor mode let it through; what the rules say of it. */
export function describeWouldDeny(decision: Json | null): string[] {
  const wouldDeny = decision?.['wouldDeny'] ?? null;
  if (wouldDeny === null) return [];
  const reasonsOfIt = readObjects(readObject(wouldDeny, '"wouldDeny"'), 'reasons');
  const codes = reasonsOfIt
    .map((reason) => show(reason, 'code'))
    .filter((code) => code !== 'monitor_mode');
  return [
    'and without monitor mode DENY',
    ...codes.map((code) => describeReason(code, reasonsOfIt)),
  ];
}

/** What the version that is rehearsed on real requests would have answered, where that differs. */
function describeShadow(record: Json): string[] {
  const given = record['shadow'] ?? null;
  if (given === null) return [];
  const shadow = readObject(given, '"shadow"');
  const outcome = show(shadow, 'outcome').toUpperCase().replace('_', ' ');
  return [
    `and by version ${show(shadow, 'version')}, in its shadow, ${outcome} (${show(shadow, 'reasons')})`,
  ];
}

function sentenceOf(code: string): string {
  return Object.hasOwn(reasons, code)
    ? reasons[code as keyof typeof reasons].sentence
    : 'see docs/errors.md';
}

function revisions(record: Json): string {
  const vector = record['revisions'];
  if (typeof vector !== 'object' || vector === null) return '';
  return Object.entries(vector)
    .map(([lane, position]) => {
      const { epoch, rev } = position as { epoch?: unknown; rev?: unknown };
      return `${lane} ${showValue(epoch)}.${showValue(rev)}`;
    })
    .join(', ');
}

function withId(text: string, id: string): string {
  if (text === '') return id;
  return id === '' ? text : `${text} (${id})`;
}

function shortened(sha256: string): string {
  return sha256 === '' ? '' : `certificate ${sha256.slice(0, 16)}…`;
}
