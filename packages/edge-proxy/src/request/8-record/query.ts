import type { RecordRules } from '../../state/current.ts';

/** What stands in a record of a query. */
export interface RecordedQuery {
  readonly query: string | null;
  /** There was one, and not all of it is told. */
  readonly queryRedacted: boolean;
}

const none: RecordedQuery = { query: null, queryRedacted: false };
const dropped: RecordedQuery = { query: null, queryRedacted: true };
const lengthMax = 2_048;
const partsMax = 64;
const nameLengthMax = 64;
const left = '[redacted]';

/** Whatever is told of queries, their values are not: by a word in the name, or the whole name. */
const secretWords =
  /token|secret|passw|passphrase|signature|assertion|saml|credential|authorization|apikey|jwt|session|cookie|sallyport/;
const secretNames: ReadonlySet<string> = new Set([
  'code',
  'state',
  'nonce',
  'sig',
  'hmac',
  'mac',
  'pwd',
  'pass',
  'pin',
  'otp',
  'auth',
  'key',
  'sid',
  'ticket',
]);
/** As long and as random as a secret. */
const secretValue = /^[A-Za-z0-9_-]{40,}$/;
/** JWTs begin so. It matches whatever follows, so that no byte of a long value is looked at twice. */
const jwtStart = /eyJ([A-Za-z0-9_-]*)(\.?)/g;

/** `query`: with its question mark; empty without one. */
export function recordedQuery(query: string, handling: RecordRules['query']): RecordedQuery {
  if (query === '') return none;
  if (handling === 'drop') return dropped;
  const parts = query.slice(1).split(/[&;]/);
  const told = parts.slice(0, partsMax).map((part) => {
    const at = part.indexOf('=');
    const name = at < 0 ? part : part.slice(0, at);
    const shown = at >= 0 || isName(name) ? clip(name) : left;
    if (handling === 'names' || at < 0) return shown;
    return `${shown}=${isSecret(name, part.slice(at + 1)) ? left : part.slice(at + 1)}`;
  });
  const text = `?${told.join('&')}`;
  const recorded = text.length <= lengthMax ? text : `${text.slice(0, lengthMax)}…`;
  return { query: recorded, queryRedacted: recorded !== query };
}

/** What stands without a value may be one. */
function isName(text: string): boolean {
  return text.length <= nameLengthMax / 2 && !isSecret(text, text);
}

function isSecret(name: string, value: string): boolean {
  const text = decoded(value);
  return (
    isSecretName(decoded(name)) || secretValue.test(text) || holdsJwt(text) || holdsSecret(text)
  );
}

function holdsJwt(text: string): boolean {
  for (const [, more, dot] of text.matchAll(jwtStart)) {
    if (more !== '' && dot !== '') return true;
  }
  return false;
}

/** A value that is an address may have a query, or a fragment, of its own. */
function holdsSecret(text: string): boolean {
  return text
    .split(/[?&;#]/)
    .slice(1)
    .some((part) => part.includes('=') && isSecretName(part.slice(0, part.indexOf('='))));
}

function isSecretName(name: string): boolean {
  const plain = name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  return secretNames.has(plain) || secretWords.test(plain);
}

/** Twice, because that is how names are hidden; what is no encoding stays as it is. */
function decoded(text: string): string {
  let shown = text.replaceAll('+', ' ');
  try {
    for (let times = 0; times < 2; times += 1) shown = decodeURIComponent(shown);
  } catch {
    // As far as it goes.
  }
  return shown;
}

function clip(name: string): string {
  return name.length <= nameLengthMax ? name : `${name.slice(0, nameLengthMax)}…`;
}
