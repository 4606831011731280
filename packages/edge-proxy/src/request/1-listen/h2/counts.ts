import { type FloodKind, floodKinds } from './frame-budget.ts';

/** How a session of HTTP/2 came to its end. */
export const sessionEnds = [
  /** By the client, in whatever way. */
  'client',
  /** Nothing was asked of it. */
  'idle',
  'age',
  /** A request of it was refused in a way that ends a connection. */
  'refused',
  /** The headers of a request did not come to their end. */
  'slow',
  /** More of a kind of frame, or larger headers, than any client needs. */
  'flood',
  /** A rule of the protocol was broken. */
  'broken',
  'drained',
  /** The settings turned the protocol off. */
  'switched_off',
] as const;
export type SessionEnd = (typeof sessionEnds)[number];

/** What is open of HTTP/2, and how what was open ended. */
export interface Http2Figures {
  readonly sessions: number;
  /** Requests under way on them. */
  readonly streams: number;
  readonly ended: Readonly<Record<SessionEnd, number>>;
  readonly floods: Readonly<Record<FloodKind, number>>;
}

/** Counts ends and floods of the sessions of one worker. */
export class Http2Counts {
  readonly endings: Record<SessionEnd, number> = zeros(sessionEnds);
  readonly floods: Record<FloodKind, number> = zeros(floodKinds);

  ended(why: SessionEnd): void {
    this.endings[why] += 1;
  }

  flooded(kind: FloodKind): void {
    this.floods[kind] += 1;
  }
}

function zeros<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
}
