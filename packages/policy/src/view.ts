import { type Address, parseAddress } from './address.ts';
import type { DeviceFacts, Facts, SessionFacts, UserFacts } from './facts.ts';
import type { GroupIndex } from './groups.ts';

export type LiveSession = Extract<SessionFacts, { readonly kind: 'live' }>;
export type KnownDevice = Extract<DeviceFacts, { readonly kind: 'known' }>;
export type KnownUser = Extract<UserFacts, { readonly kind: 'known' }>;

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

  readonly #groups: GroupIndex;
  #address: Address | null | undefined = undefined;
  #memberships: Uint8Array | null = null;

  constructor(groups: GroupIndex, facts: Facts, segments: readonly string[]) {
    const { session, user, device } = facts;
    this.facts = facts;
    this.segments = segments;
    this.#groups = groups;
    this.session = session.kind === 'live' && facts.nowMs < session.expiresAtMs ? session : null;
    this.user =
      this.session !== null && user.kind === 'known' && user.id === this.session.userId
        ? user
        : null;
    this.device = device.kind === 'known' && this.session?.deviceId !== null ? device : null;
  }

  /** Where the request comes from; null where that cannot be read. */
  sourceAddress(): Address | null {
    if (this.#address === undefined) this.#address = parseAddress(this.facts.sourceAddress);
    return this.#address;
  }

  /** Whether the user is in one of the groups with these numbers (groups.ts). */
  isInGroup(numbers: readonly number[]): boolean {
    if (this.user === null) return false;
    this.#memberships ??= this.#groups.mark(this.user.groups);
    for (const number of numbers) if (this.#memberships[number] === 1) return true;
    return false;
  }
}
