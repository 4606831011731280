import { hash } from 'node:crypto';
import { Lru } from '@sallyport/shared/lru';
import { verifyStatement } from '@sallyport/shared/session/statement';
import { decodeJwt, errors } from 'jose';
import type { CurrentState } from '../../state/current.ts';
import type { ClientConnection, OpenedSession } from '../exchange.ts';
import { open } from '../sealed.ts';

const openedMax = 20_000;

/**
 * Session cookies that this worker has opened before. Opening one costs WebCrypto; what it claims is
 * asked of the state on every request, so that keeping it open keeps nothing alive.
 */
export class OpenedSessions {
  readonly #state: CurrentState;
  readonly #opened = new Lru<string, OpenedSession>({ sizeMax: openedMax });

  constructor(state: CurrentState) {
    this.#state = state;
  }

  /** The session behind a cookie that is open already. */
  known(connection: ClientConnection, host: string, value: string): OpenedSession | null {
    const last = connection.lastOpened;
    if (last !== null && last.value === value && last.host === host) return last.session;
    const session = this.#opened.get(keyOf(host, value));
    if (session === undefined) return null;
    connection.lastOpened = { host, value, session };
    return session;
  }

  /** Opens a cookie: null where it is not genuine, not for this host, or cannot be opened now. */
  async open(host: string, value: string, nowMs: number): Promise<OpenedSession | null> {
    const ring = this.#state.cookieRing();
    const opened = ring === null ? null : await open(ring, 'session', host, value);
    if (opened === null) return null;
    const session = await this.verify(opened.text, opened.keyId, nowMs);
    if (session !== null) this.#opened.set(keyOf(host, value), session);
    return session;
  }

  /** Verifies a statement that came out of something sealed under the key `cookieKeyId`. */
  async verify(jws: string, cookieKeyId: string, nowMs: number): Promise<OpenedSession | null> {
    let statementKeyId = '';
    const statement = await verifyStatement(
      jws,
      (keyId) => {
        statementKeyId = keyId;
        return this.#state.statementKey(keyId, nowMs)?.key ?? null;
      },
      // One that has expired is genuine still, and the reason is to be told: as of its own time.
      issuedAtMs(jws),
    );
    if (typeof statement === 'string') return null;
    return {
      statement,
      jws,
      cookieKeyId,
      statementKeyId,
      assertions: new Map(),
      lastLive: null,
    };
  }
}

/** When a statement says it was issued; only for the clock that its signature is verified by. */
function issuedAtMs(jws: string): number {
  try {
    return (decodeJwt(jws).iat ?? 0) * 1000;
  } catch (error) {
    if (error instanceof errors.JOSEError) return 0;
    throw error;
  }
}

/** Length first: no two pairs of host and value give the same text. */
function keyOf(host: string, value: string): string {
  return hash('sha256', `${host.length}:${host}${value}`, 'base64url');
}
