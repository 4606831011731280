import type { Decision } from '@sallyport/policy';
import type { AccessRecord } from '@sallyport/shared/access-record';
import type { Clock } from '@sallyport/shared/clock';
import type { Log } from '@sallyport/shared/log';
import type { RecordRules } from '../state/current.ts';
import { HandshakeBudget, type RefusedHandshake } from './1-listen/refused-handshakes.ts';
import { type Recorder, recordOf, recordOfUnreadable } from './8-record/record.ts';
import type { ShadowDecisions } from './8-record/shadow.ts';
import type { Message } from './answers.ts';
import { breakOff } from './calls.ts';
import type { Answer, ClientConnection, Permitted, Received } from './exchange.ts';
import type { CutCause, OpenExchanges } from './open/open-exchanges.ts';
import { type RefusalCode, refusals, type TurnedAwayCode } from './words.ts';

export interface LifeNeeds {
  readonly recorder: Recorder;
  readonly emitRecord: (record: AccessRecord, rules: RecordRules) => void;
  /** What is written down of a request; null: of what is no request. */
  readonly recordRules: (value: Received | null) => RecordRules;
  /** A record that is not written. */
  readonly recordLost: () => void;
  /** Takes what is told of a request that is traced; null: nothing is. */
  readonly traced: ((value: Received, record: AccessRecord, rules: RecordRules) => void) | null;
  /** Told how an exchange went that has ended. */
  readonly observe: (value: Received) => void;
  /** Where the records of requests go by. */
  readonly shadows: ShadowDecisions;
  readonly answer: (value: Received, answer: Answer) => void;
  /** The answer where this edge cannot decide any more. */
  readonly unready: () => Message;
  readonly open: OpenExchanges;
  readonly clock: Clock;
  readonly log: Log;
}

/** How exchanges begin and end, so that each ends once, frees what it holds and leaves one record. */
export class Life {
  readonly #needs: LifeNeeds;
  #active = 0;
  #draining = false;
  readonly #handshakes = new HandshakeBudget();
  readonly #whenNone: (() => void)[] = [];

  constructor(needs: LifeNeeds) {
    this.#needs = needs;
  }

  get active(): number {
    return this.#active;
  }

  /** A request has come; from here on it will be ended. */
  begin(value: Received): void {
    this.#active += 1;
    value.connection.exchanges.add(value);
    // A tunnel ends its exchange itself.
    value.client.onClose(() => this.ended(value));
    if (this.#draining) value.client.beLast();
  }

  /** It is over, in whatever way. */
  ended(value: Received): void {
    const { progress, connection } = value;
    if (progress.recorded) return;
    progress.recorded = true;
    this.#active -= 1;
    connection.exchanges.delete(value);
    // Only what was permitted is in there.
    this.#needs.open.remove(value as Permitted);
    value.release?.(new Error('the exchange has ended'));
    const { recorder, shadows, recordRules, observe, traced } = this.#needs;
    this.#record(() => {
      observe(value);
      const rules = recordRules(value);
      const record = recordOf(value, recorder, rules);
      traced?.(value, record, rules);
      shadows.take(record, value, rules);
    });
    if (value.upstreamError !== undefined) {
      const { correlationId, decision, upstreamError: error } = value;
      this.#needs.log.warn('upstream_failed', { correlationId, route: decision?.route, error });
    }
    if (this.#active > 0) return;
    for (const resolve of this.#whenNone.splice(0)) resolve();
  }

  /** Runs in an event of the connection: what it throws would end the process. */
  #record(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#needs.log.error('record_lost', { error });
    }
  }

  /** A connection has gone, and with it those that never got their turn. */
  connectionClosed(connection: ClientConnection): void {
    for (const value of connection.exchanges) {
      if (!value.client.tunnelled) this.ended(value);
    }
  }

  /** Ends what is permitted no more: with an answer if none has begun, else at once. */
  cut(value: Permitted, cause: CutCause, decision: Decision | null): void {
    const { client, progress } = value;
    if (progress.recorded) return;
    progress.ending = cause;
    value.cutBy = decision?.reasons ?? [];
    value.release?.(new Error(cause));
    if (client.tunnelled) return;
    const answer = answerOf(decision) ?? this.#needs.unready();
    if (client.headersSent) {
      breakOff(value, answer);
      return;
    }
    client.beLast();
    this.#needs.answer(value, answer);
  }

  /**
   * Bytes have come that are no request. true: they broke off the body of the only one there is,
   * whose answer says so; else they are recorded, and the connection has still to be closed.
   */
  unreadable(connection: ClientConnection, code: RefusalCode): boolean {
    const [first, second] = connection.exchanges;
    if (first !== undefined && second === undefined && !first.client.headersSent) {
      first.release?.(new Error(code));
      first.client.beLast();
      this.#needs.answer(first, { kind: 'refused', code });
      return true;
    }
    this.#recordUnreadable(connection, code, refusals[code].status);
    return false;
  }

  /** Something on a connection that nobody can be answered about: it is recorded. */
  unanswerable(connection: ClientConnection, code: RefusalCode): void {
    this.#recordUnreadable(connection, code, 0);
  }

  #recordUnreadable(connection: ClientConnection, code: RefusalCode, status: number): void {
    const { recorder, emitRecord, recordRules, clock } = this.#needs;
    this.#record(() => {
      const record = recordOfUnreadable(connection, code, status, clock(), recorder);
      emitRecord(record, recordRules(null));
    });
  }

  /** Records a handshake that was refused; of a flood of them, some are only counted. */
  refused(handshake: RefusedHandshake): void {
    const { recorder, emitRecord, recordRules, recordLost, clock } = this.#needs;
    if (!this.#handshakes.take(performance.now())) {
      recordLost();
      return;
    }
    this.#record(() => {
      const record = recordOfUnreadable(handshake, handshake.code, 0, clock(), recorder);
      emitRecord(record, recordRules(null));
    });
  }

  /** Records a connection from a front proxy that was closed before its handshake. */
  turnedAway(sourceAddress: string, code: TurnedAwayCode): void {
    const { recorder, emitRecord, recordRules, clock } = this.#needs;
    const from = { sourceAddress, serverName: '', peer: null };
    this.#record(() => {
      const record = recordOfUnreadable(from, code, 0, clock(), recorder);
      emitRecord(record, recordRules(null));
    });
  }

  /**
   * No more requests on connections that are open; resolves when nothing is under way. Tunnels have
   * no end that could be waited for: they are told that this edge goes away.
   */
  async drain(connections: Iterable<ClientConnection>): Promise<void> {
    this.#draining = true;
    for (const { exchanges } of connections) {
      for (const value of exchanges) {
        if (value.client.tunnelled) release(value, 'drained');
        else if (!value.client.headersSent) value.client.beLast();
      }
    }
    await this.none();
  }

  /** Gives up what is still under way; the connections have then to be destroyed. */
  abandon(connections: Iterable<ClientConnection>): void {
    for (const { exchanges } of connections) {
      for (const value of exchanges) release(value, 'drained');
    }
  }

  /** Resolves when nothing is under way. */
  async none(): Promise<void> {
    while (this.#active > 0) {
      await new Promise<void>((resolve) => this.#whenNone.push(resolve));
    }
  }
}

function release(value: Received, ending: string): void {
  value.progress.ending ??= ending;
  value.release?.(new Error(ending));
}

/** null: nothing was decided against it. */
function answerOf(decision: Decision | null): Message | null {
  switch (decision?.outcome) {
    case 'deny':
      return { kind: 'deny', decision };
    case 'sign_in':
      return { kind: 'sign_in', decision };
    case 'step_up':
      return { kind: 'step_up', decision };
    case 'permit':
    case undefined:
      return null;
  }
}
