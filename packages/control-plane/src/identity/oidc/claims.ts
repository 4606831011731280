/** What a provider says about a user, reduced to what is kept. The user is (issuer, subject). */
export interface ProviderIdentity {
  readonly issuer: string;
  readonly subject: string;
  /** Lower case; null: none that can be believed. */
  readonly email: string | null;
  readonly displayName: string;
  /** Sorted, without repetitions. */
  readonly groups: readonly string[];
  readonly authenticatedAtMs: number;
  /** RFC 8176. */
  readonly amr: readonly string[];
  readonly acr: string | null;
}

/** Names of the claims to read; from the IdentityProvider document. */
export interface ClaimNames {
  readonly email?: string;
  readonly name?: string;
  readonly groups?: string;
}

export type ClaimSet = Readonly<Record<string, unknown>>;

const groupsMax = 1_000;
const groupCharactersMax = 256;

/** Whether a claim that the document names is missing, so that asking userinfo may help. */
export function claimsAreIncomplete(claims: ClaimSet, names: ClaimNames): boolean {
  const wanted = [names.email ?? 'email', names.name ?? 'name', names.groups ?? 'groups'];
  return wanted.some((name) => claims[name] === undefined);
}

/**
 * Reads verified claims. A groups claim of another form refuses the sign-in: a group that is
 * silently lost could be one that a deny rule names.
 */
export function readIdentity(
  claims: ClaimSet,
  names: ClaimNames,
  nowMs: number,
): ProviderIdentity | { readonly problem: string } {
  const { iss, sub } = claims;
  if (typeof iss !== 'string' || typeof sub !== 'string') return { problem: 'iss or sub missing' };
  const groups = readGroups(claims[names.groups ?? 'groups']);
  if (groups === null) return { problem: 'the groups claim is not a list of names' };
  return {
    issuer: iss,
    subject: sub,
    email: readEmail(claims[names.email ?? 'email'], claims['email_verified']),
    displayName: readName(claims[names.name ?? 'name']),
    groups,
    authenticatedAtMs: readAuthenticationTime(claims, nowMs),
    amr: readMethods(claims['amr']),
    acr: readText(claims['acr'], 256),
  };
}

/** Lower case; null unless it is one local part, one `@` and one domain, and not called unverified. */
function readEmail(value: unknown, verified: unknown): string | null {
  if (verified === false || verified === 'false') return null;
  if (typeof value !== 'string' || value.length > 254) return null;
  return /^[!-?A-~]+@[!-?A-~]+$/.test(value) ? value.toLowerCase() : null;
}

function readGroups(value: unknown): readonly string[] | null {
  if (value === undefined || value === null) return [];
  const list: unknown[] = Array.isArray(value) ? value : [value];
  if (list.length > groupsMax) return null;
  const names = new Set<string>();
  for (const name of list) {
    if (typeof name !== 'string' || name === '' || name.length > groupCharactersMax) return null;
    if (/\p{Cc}/u.test(name)) return null;
    names.add(name);
  }
  return [...names].sort();
}

function readName(value: unknown): string {
  return (readText(value, 256) ?? '').replace(/\p{Cc}/gu, '').trim();
}

/** Without `auth_time` only the token's own time is known; a time in the future is cut to now. */
function readAuthenticationTime(claims: ClaimSet, nowMs: number): number {
  const { auth_time: authTime, iat } = claims;
  const seconds = typeof authTime === 'number' ? authTime : typeof iat === 'number' ? iat : 0;
  return Math.max(0, Math.min(nowMs, Math.floor(seconds * 1000)));
}

function readMethods(value: unknown): readonly string[] {
  if (!Array.isArray(value)) return [];
  const list: unknown[] = value.slice(0, 16);
  return list.filter((method): method is string => readText(method, 32) !== null);
}

function readText(value: unknown, charactersMax: number): string | null {
  if (typeof value !== 'string' || value === '' || value.length > charactersMax) return null;
  return value;
}
