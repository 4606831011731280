import type { Clock } from '@sallyport/shared/clock';
import type { HeaderLimits } from '@sallyport/shared/http/header-limits';
import type { FrontProxies } from '../state/current.ts';
import { sourceOf } from './1-listen/fronts.ts';
import { readHead } from './1-listen/gate.ts';
import { unreadHead } from './1-listen/unread-head.ts';
import type { ClientExchange, RawRequest } from './client/exchange.ts';
import {
  type Answer,
  type Asserted,
  type ClientConnection,
  type Identified,
  isAnswer,
  type Located,
  type Permitted,
  type Progress,
  type Received,
  type Recognised,
  type RequestHead,
} from './exchange.ts';
import { headerExcess } from './header-excess.ts';
import { newCorrelationId } from './random.ts';
import type { RefusalCode } from './words.ts';

type Stage<In, Out> = (value: In) => Out | Answer | Promise<Out | Answer>;

/**
 * THE WAY OF A REQUEST, in order. Each stage takes what the one above returned; the first that
 * answers ends the way. The gate (1-listen) stands before the first, the record (8-record) behind
 * whatever was the last.
 */
export interface Stages {
  /** 2-device: whose device the connection comes from. */
  readonly device: Stage<Received, Identified>;
  /** 3-route: the canonical form of what is asked for. */
  readonly route: Stage<Identified, Located>;
  /** own: our own endpoints answer here. */
  readonly own: Stage<Located, Located>;
  /** limits: what comes too often from an address goes no further. */
  readonly limitAddress: Stage<Located, Located>;
  /** cors: what a browser asks for a page of another origin is answered here. */
  readonly cors: Stage<Located, Located>;
  /** 4-session: the session cookie opened; the only stage of the hot path that may wait. */
  readonly session: Stage<Located, Recognised>;
  /** 5-decide: a permit, or the answer. */
  readonly decide: Stage<Recognised, Permitted>;
  /** limits: the same for users, devices and routes, of what is permitted. */
  readonly limitPermitted: Stage<Permitted, Permitted>;
  /** 6-assert: who it is, signed for the upstream. */
  readonly assert: Stage<Permitted, Asserted>;
  /** 7-forward: to the upstream; null: on its way. */
  readonly forward: (value: Asserted) => Answer | null;
}

const order = [
  'device',
  'route',
  'own',
  'limitAddress',
  'cors',
  'session',
  'decide',
  'limitPermitted',
  'assert',
  'forward',
] as const;

/** Stages whose end is noted, for the metrics. */
const marks: { readonly [Name in keyof Stages]?: (progress: Progress) => void } = {
  session: (progress) => {
    progress.recognisedAt = performance.now();
  },
  assert: (progress) => {
    progress.assertedAt = performance.now();
  },
};

type Step = (value: Received) => Received | Answer | null | Promise<Received | Answer>;

export interface PathNeeds {
  readonly stages: Stages;
  /** Told of a request before anything can end it. */
  readonly begun: (value: Received) => void;
  readonly answer: (value: Received, answer: Answer) => void;
  /** A bug of ours: the request is answered, the process goes on. */
  readonly failed: (value: Received, error: unknown) => void;
  /** Whether this one is turned away: there is too much to do for what it would cost. */
  readonly sheds: () => boolean;
  /** The `traceparent` that goes on, for the one that was sent. */
  readonly nextTraceparent: (sent: string | null) => string;
  /** Who is believed about where a request comes from. */
  readonly fronts: () => FrontProxies;
  readonly headerLimits: () => HeaderLimits;
  readonly clock: Clock;
}

/**
 * Takes a request from the gate to its answer or its upstream. `refusal`: its protocol does not let
 * it go on; that is said only where the gate has nothing to say. Returns at once.
 */
export type Path = (
  connection: ClientConnection,
  raw: RawRequest,
  client: ClientExchange,
  refusal: RefusalCode | null,
) => void;

export function createPath(needs: PathNeeds): Path {
  const { stages, begun, answer, failed, sheds, nextTraceparent, headerLimits, clock } = needs;
  // The types of the table hold the order together; the walk itself does not look at them.
  const steps = order.map((name) => stages[name] as Step);
  const marksAfter = order.map((name) => marks[name]);

  const walk = (value: Received, from: number): void => {
    try {
      let current = value;
      for (let at = from; at < steps.length; at += 1) {
        const result = steps[at]?.(current) ?? null;
        if (result === null) return;
        if (result instanceof Promise) {
          continueAfter(current, result, at);
          return;
        }
        if (isAnswer(result)) {
          answer(current, result);
          return;
        }
        current = result;
        marksAfter[at]?.(current.progress);
      }
    } catch (error) {
      failed(value, error);
    }
  };

  const continueAfter = (value: Received, result: Promise<Received | Answer>, at: number): void => {
    result.then(
      (settled) => {
        // Nobody is there any more.
        if (value.progress.recorded) return;
        if (isAnswer(settled)) {
          answer(value, settled);
          return;
        }
        marksAfter[at]?.(settled.progress);
        walk(settled, at + 1);
      },
      (error: unknown) => failed(value, error),
    );
  };

  return (connection, raw, client, refusal) => {
    const arrivedAt = performance.now();
    const gated = gate(raw, connection, needs);
    const { head, source } = gated;
    const read = head !== null && typeof head !== 'string';
    const value = receive(
      connection,
      source ?? connection.sourceAddress,
      raw,
      client,
      read ? head : unreadHead(raw),
      nextTraceparent(read ? head.traceparent : null),
      arrivedAt,
      clock(),
    );
    begun(value);
    if (head === null) failed(value, gated.error);
    else if (!read) answer(value, refusalOf(head, raw, headerLimits()));
    else if (source === null) answer(value, sourceUnclear);
    else if (refusal !== null) answer(value, { kind: 'refused', code: refusal });
    else if (sheds()) answer(value, overloaded);
    else walk(value, 0);
  };
}

const overloaded: Answer = { kind: 'failed', code: 'overloaded' };

interface Gated {
  /** null: a bug of ours kept it from being read; `error` is that. */
  readonly head: RequestHead | RefusalCode | null;
  /** Where it comes from; null: that cannot be told. */
  readonly source: string | null;
  readonly error?: unknown;
}

/** Runs in an event of the connection: what it threw would end the process, and all others with it. */
function gate(
  raw: RawRequest,
  connection: ClientConnection,
  { fronts, headerLimits }: Pick<PathNeeds, 'fronts' | 'headerLimits'>,
): Gated {
  try {
    return {
      head: readHead(raw, connection, headerLimits()),
      source: sourceOf(connection, raw.lines, fronts()),
    };
  } catch (error) {
    return { head: null, source: null, error };
  }
}

function refusalOf(code: RefusalCode, { target, lines }: RawRequest, limits: HeaderLimits): Answer {
  const large = code === 'headers_too_large' || code === 'cookies_too_large';
  return { kind: 'refused', code, excess: large ? headerExcess(target, lines, limits) : null };
}

const sourceUnclear: Answer = {
  kind: 'refused',
  code: 'source_address_unclear' satisfies RefusalCode,
};

function receive(
  connection: ClientConnection,
  sourceAddress: string,
  raw: RawRequest,
  client: ClientExchange,
  head: RequestHead,
  traceparent: string,
  arrivedAt: number,
  nowMs: number,
): Received {
  return {
    correlationId: newCorrelationId(),
    traceparent,
    connection,
    sourceAddress,
    raw,
    client,
    head,
    receivedAtMs: nowMs,
    arrivedAt,
    startedAt: performance.now(),
    progress: {
      bytesIn: 0,
      wantsBody: false,
      bytesOut: 0,
      status: 0,
      upstreamAskedAt: 0,
      upstreamAnsweredAt: 0,
      recognisedAt: 0,
      assertedAt: 0,
      ending: null,
      recorded: false,
      openAt: null,
    },
  };
}
