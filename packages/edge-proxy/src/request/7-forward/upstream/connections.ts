import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';

/** One request at a target. */
export interface Ask {
  readonly method: string;
  /** With its query; sent as it is. */
  readonly path: string;
  /** Name and value by turns, a Host among them. */
  readonly headers: string[];
  readonly body: Readable | null;
  /** A call of gRPC: it may be quiet for as long as its deadline lets it. */
  readonly call: boolean;
  /** On a connection of its own, which nothing else goes over. */
  readonly reset: boolean;
  readonly upgrade: 'websocket' | null;
  /** Whether somebody still waits for it; left out: always. */
  readonly wanted?: () => boolean;
}

/** What a response is steered by while it comes. */
export interface ResponseControl {
  abort(reason: Error): void;
  pause(): void;
  resume(): void;
  /** Its headers are all there is of it, and it says so: for gRPC that is not the same. */
  readonly whole?: boolean;
}

/** Connections to one target, whatever they speak. */
export interface Connections {
  dispatch(ask: Ask, handler: Dispatcher.DispatchHandler): void;
  /** Connections on which there is room. */
  readonly free: number;
  /** Closes those that no request uses. */
  closeUnused(): void;
  /** No more requests; resolves when those under way have come to their end. */
  close(): Promise<void>;
  destroy(): Promise<void>;
}
