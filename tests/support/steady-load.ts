import { readFileSync } from 'node:fs';
import { localhostLookup } from '@sallyport/shared/network/lookup';
import type { StackDescription } from '@sallyport/stack';
import { Agent, request } from 'undici';
import { json, pageOn } from './cast.ts';
import type { Session } from './sessions.ts';

/** A request that was answered. */
export interface Answered {
  /** Correlation id, by which its record is found. */
  readonly id: string;
  readonly status: number;
  readonly tookMs: number;
}

export interface LoadOptions {
  readonly count: number;
  /** Every so many requests one has no session, and is refused; 0: none. */
  readonly refusedEvery?: number;
  readonly userAgent?: string;
}

const connections = 8;

/** Asks the first edge's wiki a number of times over a few connections, one request at a time on each. */
export async function steadyLoad(
  stack: StackDescription,
  { cookie, user: { device } }: Session,
  { count, refusedEvery = 0, userAgent = 'steady' }: LoadOptions,
): Promise<readonly Answered[]> {
  const [ca, cert, key] = [stack.ca, device.cert, device.key].map((file) => readFileSync(file));
  const connect = { ca, cert, key, lookup: localhostLookup };
  const dispatcher = new Agent({ connections, pipelining: 1, connect });
  const url = pageOn(stack, '/');
  const plain = { ...json, 'user-agent': userAgent };
  const answers: Answered[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < count; at = next++) {
      const refused = refusedEvery > 0 && at % refusedEvery === 0;
      const startedAt = performance.now();
      const headers = refused ? plain : { ...plain, cookie };
      const response = await request(url, { dispatcher, headers });
      await response.body.dump();
      const tookMs = performance.now() - startedAt;
      const id = String(response.headers['sallyport-request-id']);
      answers.push({ id, status: response.statusCode, tookMs });
    }
  };
  try {
    await Promise.all(Array.from({ length: connections }, work));
  } finally {
    await dispatcher.close();
  }
  return answers;
}

/** `p50 1.2 ms, p99 3.4 ms of 2000`. */
export function latencyOf(answers: readonly Answered[]): string {
  const sorted = answers.map(({ tookMs }) => tookMs).toSorted((a, b) => a - b);
  const at = (part: number): string =>
    (sorted[Math.floor((sorted.length - 1) * part)] ?? Number.NaN).toFixed(1);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms of ${sorted.length}`;
}
