import type { LookupFunction } from 'node:net';
import type { Network } from '@sallyport/policy';
import { guardedLookup, hostAllowed } from '@sallyport/shared/network/lookup';
import { Agent, type Dispatcher } from 'undici';
import { ExportFailure, failureWords } from './failure.ts';

export interface PosterOptions {
  readonly url: string;
  /** PEM; null: the system's authorities. */
  readonly authorities: string | null;
  readonly internal: readonly Network[];
  /** For one request, answer included. */
  readonly timeoutMs: number;
}

export interface Answer {
  readonly status: number;
  readonly retryAfterMs: number | null;
  /** At the most 64 KiB of it. */
  readonly body: string;
}

export interface Poster {
  /**
   * Posts a body. Whatever the answer is, it is a value; rejects with `ExportFailure` where there is
   * none in time.
   */
  post(headers: Record<string, string>, body: string, signal: AbortSignal): Promise<Answer>;
  close(): Promise<void>;
}

const answerBytesMax = 65_536;
const connectTimeoutMs = 5_000;
const retryAfterMsMax = 3_600_000;

/** Posts to one URL: https alone, no redirects, only to addresses that the settings allow. */
export function createPoster(options: PosterOptions): Poster {
  const url = new URL(options.url);
  const agent = new Agent({
    connections: 8,
    pipelining: 1,
    keepAliveTimeout: 4_000,
    headersTimeout: options.timeoutMs,
    bodyTimeout: options.timeoutMs,
    maxHeaderSize: 16_384,
    connect: {
      timeout: Math.min(connectTimeoutMs, options.timeoutMs),
      lookup: guardedLookup(options.internal) as LookupFunction,
      maxCachedSessions: 0,
      ...(options.authorities === null ? {} : { ca: options.authorities }),
    },
  });
  return {
    async post(headers, body, signal) {
      if (url.protocol !== 'https:' || !hostAllowed(url.hostname, options.internal)) {
        throw new ExportFailure('its address is in no network of Settings /spec/network/internal');
      }
      const ended = AbortSignal.any([signal, AbortSignal.timeout(options.timeoutMs)]);
      try {
        const response = await agent.request({
          origin: url.origin,
          path: `${url.pathname}${url.search}`,
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            'user-agent': 'sallyport',
            'accept-encoding': 'identity',
            ...headers,
          },
          body,
          signal: ended,
        });
        return await answerOf(response);
      } catch (error) {
        const reason = ended.aborted ? failureWords(ended.reason) : failureWords(error);
        throw new ExportFailure(reason, { cause: error });
      }
    },
    close: () => agent.destroy(),
  };
}

async function answerOf({ statusCode, headers, body }: Dispatcher.ResponseData): Promise<Answer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > answerBytesMax) break;
    chunks.push(chunk);
  }
  return {
    status: statusCode,
    retryAfterMs: retryAfterOf(headers['retry-after']),
    body: Buffer.concat(chunks).toString('utf8'),
  };
}

/** Seconds or a date (RFC 9110, 10.2.3), an hour at the most. */
function retryAfterOf(header: string | string[] | undefined): number | null {
  if (typeof header !== 'string') return null;
  const ms = /^\d{1,9}$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.min(retryAfterMsMax, Math.max(0, ms)) : null;
}
