import { createHmac, type KeyObject } from 'node:crypto';
import type { AccessRecord, RedactedField } from '@sallyport/shared/access-record';
import { shortenedAddress } from '@sallyport/shared/network/shortened';
import type { RecordRules } from '../../state/current.ts';

type Redaction = RecordRules['redact'][number];
type Way = Redaction['as'];

/** What of a text is written down instead of it. */
type Change = (text: string) => string;

interface Redacted {
  readonly record: AccessRecord;
  readonly fields: readonly RedactedField[];
}

/** null: there was nothing to take away. */
type Field = (record: AccessRecord, change: Change, as: Way) => Redacted | null;

/** What is left of a text when it is truncated. */
const truncated: Readonly<Record<Redaction['field'], Change>> = {
  sourceAddress: shortenedAddress,
  userAgent: (text) => text.split(' ', 1)[0]?.slice(0, 64) ?? '',
  userEmail: (text) => /@[^@]*$/.exec(text)?.[0] ?? '',
  path: (text) => /^\/[^/?#]*/.exec(text)?.[0].slice(0, 64) ?? '',
  place: () => '',
};

const fields: Readonly<Record<Redaction['field'], Field>> = {
  sourceAddress: (record, change) => {
    if (record.sourceAddress === '') return null;
    const sourceAddress = change(record.sourceAddress);
    const facts = record.facts === null ? null : { ...record.facts, sourceAddress };
    return { record: { ...record, sourceAddress, facts }, fields: ['sourceAddress'] };
  },
  userAgent: (record, change) => {
    if (record.userAgent === '') return null;
    return { record: { ...record, userAgent: change(record.userAgent) }, fields: ['userAgent'] };
  },
  userEmail: (record, change) => {
    const { facts, userEmail } = record;
    if (userEmail === null) return null;
    const email = change(userEmail);
    const known = facts?.user.kind === 'known' ? { ...facts.user, email } : null;
    return {
      record: {
        ...record,
        userEmail: email === '' ? null : email,
        facts: facts === null || known === null ? facts : { ...facts, user: known },
      },
      fields: ['userEmail'],
    };
  },
  path: (record, change) => {
    const { facts } = record;
    if (record.path === '' && facts === null) return null;
    const request = facts === null ? null : { ...facts.request, path: change(facts.request.path) };
    return {
      record: {
        ...record,
        path: change(record.path),
        facts: facts === null || request === null ? facts : { ...facts, request },
      },
      fields: ['path'],
    };
  },
  place: (record, _change, as) => {
    const { facts } = record;
    if (facts === null || facts.place === null) return null;
    const { country } = facts.place;
    const nothing = Object.fromEntries(Object.keys(facts.place).map((name) => [name, null]));
    const kept = { ...nothing, country } as typeof facts.place;
    const place = as === 'truncate' ? kept : null;
    return { record: { ...record, facts: { ...facts, place } }, fields: ['place'] };
  },
};

/**
 * Headers that conditions may look at and that say the same as a field: what clients, front proxies
 * and older proxies tell of it.
 */
const headersOf: Readonly<Record<Redaction['field'], RegExp | null>> = {
  sourceAddress: /forwarded|[-_]addr(?:ess)?$|(?:^|[-_])(?:client)?ip(?:[-_]|$)/,
  userAgent: /^user-agent$/,
  userEmail: /^from$|e-?mail|[-_]user(?:name)?$/,
  path: /^referr?er$|[-_](?:uri|url|path)$/,
  place: null,
};

/** The same text among the headers that were decided on; null: there is none. */
function inHeaders(record: AccessRecord, names: RegExp | null, change: Change): Redacted | null {
  const { facts } = record;
  if (facts === null || names === null) return null;
  const lines = Object.entries(facts.request.headers);
  if (!lines.some(([name]) => names.test(name))) return null;
  const headers = Object.fromEntries(
    lines.map(([name, values]) => [name, names.test(name) ? values.map(change) : values]),
  );
  const request = { ...facts.request, headers };
  return { record: { ...record, facts: { ...facts, request } }, fields: ['headers'] };
}

/**
 * The record as it may be written down. `key`: what hashes are made with; null: there is none, and
 * what was to be hashed is removed.
 */
export function redactRecord(
  record: AccessRecord,
  rules: RecordRules,
  key: KeyObject | null,
): AccessRecord {
  if (rules.redact.length === 0) return record;
  let shown = record;
  const taken: RedactedField[] = [];
  for (const { field, as } of rules.redact) {
    const change = changeOf(field, as, key);
    const redacted = fields[field](shown, change, as);
    shown = redacted?.record ?? shown;
    const told = inHeaders(shown, headersOf[field], change);
    shown = told?.record ?? shown;
    taken.push(...(redacted?.fields ?? []), ...(told?.fields ?? []));
  }
  return { ...shown, redacted: [...new Set(taken)] };
}

function changeOf(field: Redaction['field'], as: Way, key: KeyObject | null): Change {
  if (as === 'truncate') return truncated[field];
  if (as === 'remove' || key === null) return () => '';
  return (text) => {
    if (text === '') return '';
    const mac = createHmac('sha256', key).update(`${field}\0${text}`).digest();
    return `hmac:${mac.subarray(0, hashBytes).toString('base64url')}`;
  };
}

/** Enough to tell people apart; of a whole HMAC nothing more could be learnt. */
const hashBytes = 16;
