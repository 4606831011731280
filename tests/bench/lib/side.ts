import type { LoadResult } from './load.ts';
import { runHelper } from './processes.ts';

/** One of the servers that are compared, as a client finds it. */
export interface Side {
  readonly port: number;
  /** Of all processes whose processor time is its own. */
  readonly pids: () => readonly number[];
  /** Authorities, certificate and cookie of the client; see `ClientEnvironment`. */
  readonly environment: Readonly<Record<string, string>>;
  /** Resolves once nothing of the requests is left to do: it would be in the figures of the next. */
  rest(): Promise<void>;
}

/** Cores: the server that is measured has one to itself. */
export const serverCore = 0;
export const otherCore = 1;

/** Our clients, programs of their own. */
const clients = {
  load: new URL('./load.ts', import.meta.url),
  openLoad: new URL('./open-load.ts', import.meta.url),
  handshakes: new URL('./handshakes.ts', import.meta.url),
  transfer: new URL('./transfer.ts', import.meta.url),
};

export const host = 'bench.corp.localhost';
export const connections = 32;
const warmupSeconds = 2;

/** One run of the closed-loop client, or of another, against a server. */
export async function load(
  side: Side,
  seconds: number,
  client: 'load' | 'openLoad' = 'load',
): Promise<LoadResult> {
  const result = await askSide<LoadResult>(client, side, {
    CONNECTIONS: String(connections),
    WARMUP_MS: String(warmupSeconds * 1000),
    SECONDS: String(seconds),
  });
  if (result.failures > 0) throw new Error(`${result.failures} requests failed`);
  await side.rest();
  return result;
}

/** Runs one of our clients against a server, on the other core. */
export function askSide<T>(
  client: keyof typeof clients,
  side: Side,
  environment: Readonly<Record<string, string>>,
): Promise<T> {
  return runHelper<T>(clients[client], otherCore, {
    ...side.environment,
    PORT: String(side.port),
    HOST_NAME: `${host}:${side.port}`,
    PIDS: side.pids().join(),
    ...environment,
  });
}
