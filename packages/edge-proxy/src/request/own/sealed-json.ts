import { timingSafeEqual } from 'node:crypto';
import type { Position } from '@sallyport/shared/state/model';
import type { CookieRing } from '../../state/current.ts';
import { open, type SealedKind, seal } from '../sealed.ts';

/** What a sign-in keeps at the browser, on the sign-in host. */
export interface SignInState {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly provider: string;
  /** The application host that sent the browser here, and its binding. */
  readonly host: string;
  readonly binding: string;
  readonly stepUp: boolean;
  /** The device it was started on; null: none. */
  readonly deviceId: string | null;
  /** Head of the revoke lane when it began. */
  readonly revoke: Position;
  readonly expiresAtMs: number;
}

/** What the application host keeps at the browser until it comes back. */
export interface ReturnState {
  /** Its SHA-256 is the binding. */
  readonly nonce: string;
  /** Canonical path and query on this host. */
  readonly target: string;
  readonly expiresAtMs: number;
}

/** From the sign-in host to the application host, by way of the browser. */
export interface HandOver {
  readonly statement: string;
  readonly binding: string;
  readonly tokenId: string;
  readonly expiresAtMs: number;
}

interface Sealable {
  'sign-in': SignInState;
  return: ReturnState;
  'hand-over': HandOver;
}

/** Seals a value for one host and purpose. */
export async function sealJson<Kind extends keyof Sealable & SealedKind>(
  ring: CookieRing,
  kind: Kind,
  host: string,
  value: Sealable[Kind],
): Promise<string> {
  return seal(ring, kind, host, JSON.stringify(value));
}

/**
 * Opens what `sealJson` made; null where it is not that, or its time is over. Its shape is as it was
 * made: nobody else can seal.
 */
export async function openJson<Kind extends keyof Sealable & SealedKind>(
  ring: CookieRing,
  kind: Kind,
  host: string,
  sealed: string,
  nowMs: number,
): Promise<{ readonly value: Sealable[Kind]; readonly keyId: string } | null> {
  const opened = await open(ring, kind, host, sealed);
  if (opened === null) return null;
  const value = JSON.parse(opened.text) as Sealable[Kind];
  return nowMs < value.expiresAtMs ? { value, keyId: opened.keyId } : null;
}

/** Whether two secrets are the same, in a time that does not tell where they differ. */
export function sameSecret(one: string, other: string): boolean {
  const a = Buffer.from(one);
  const b = Buffer.from(other);
  return a.length === b.length && timingSafeEqual(a, b);
}
