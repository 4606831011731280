import { type Address, parseAddress } from './address.ts';
import type { DeviceFacts, Facts, RequestFacts, SessionFacts, UserFacts } from './facts.ts';
import type { GroupIndex } from './groups.ts';
import { headerValues } from './header-values.ts';

export type LiveSession = Extract<SessionFacts, { readonly kind: 'live' }>;
export type KnownDevice = Extract<DeviceFacts, { readonly kind: 'known' }>;
export type KnownUser = Extract<UserFacts, { readonly kind: 'known' }>;

/** What of a compiled policy set a view looks things up in. */
export interface ViewTables {
  readonly groups: GroupIndex;
  /** Name of the service identity that a device stands for, or null. */
  readonly serviceOf: (deviceId: string) => string | null;
}

/**
 * One decision's facts as conditions see them: what no longer holds is gone, and what is costly to
 * read is read once. Lives for one decision.
 */
export class View {
  readonly facts: Facts;
  /** Of the canonical path, in matching form (pattern.ts). */
  readonly segments: readonly string[];
  /** The session, if it holds now. */
  readonly session: LiveSession | null;
  /** The user of that session; null without one, and where the facts do not fit together. */
  readonly user: KnownUser | null;
  /**
   * The device that counts for rules. A session that was made without a device does not vouch for
   * one, so such a request counts as coming from none, whatever certificate it brings.
   */
  readonly device: KnownDevice | null;
  /** Name of the service identity that this device stands for. */
  readonly service: string | null;

  readonly #groups: GroupIndex;
  #address: Address | null | undefined = undefined;
  #groupNumbers: ReadonlySet<number> | null = null;
  #headers: Map<string, readonly string[] | null> | null = null;

  constructor(tables: ViewTables, facts: Facts, segments: readonly string[]) {
    const { session, user, device } = facts;
    this.facts = facts;
    this.segments = segments;
    this.#groups = tables.groups;
    this.session = session.kind === 'live' && facts.nowMs < session.expiresAtMs ? session : null;
    this.user =
      this.session !== null && user.kind === 'known' && user.id === this.session.userId
        ? user
        : null;
    this.device = device.kind === 'known' && this.session?.deviceId !== null ? device : null;
    this.service = this.device === null ? null : tables.serviceOf(this.device.id);
  }

  /** Where the request comes from; null where that cannot be read. */
  sourceAddress(): Address | null {
    if (this.#address === undefined) this.#address = parseAddress(this.facts.sourceAddress);
    return this.#address;
  }

  /** All values of a header (header-values.ts); null where they cannot be read. */
  headerValues(name: string): readonly string[] | null {
    this.#headers ??= new Map();
    const known = this.#headers.get(name);
    if (known !== undefined) return known;
    // A record of an earlier version has none.
    const headers = this.facts.request.headers as RequestFacts['headers'] | undefined;
    const lines = headers && Object.hasOwn(headers, name) ? (headers[name] ?? []) : [];
    const values = headers === undefined ? null : headerValues(lines);
    this.#headers.set(name, values);
    return values;
  }

  /** The user's groups, as far as the policy set names them, by number (groups.ts). */
  groupNumbers(): ReadonlySet<number> {
    this.#groupNumbers ??= this.#groups.numbersOf(this.user?.groups ?? []);
    return this.#groupNumbers;
  }

  /** Whether the user is in one of the groups with these numbers. */
  isInGroup(numbers: readonly number[]): boolean {
    const mine = this.groupNumbers();
    for (const number of numbers) if (mine.has(number)) return true;
    return false;
  }
}
