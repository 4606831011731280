import { randomUUID } from 'node:crypto';
import { localhostLookup } from '@sallyport/shared/network/lookup';
import { Agent, type Dispatcher } from 'undici';
import { Failure } from '../exit.ts';
import { answeredFailure, unansweredFailure } from './failures.ts';
import type { ClientSettings } from './settings.ts';

/** What the control plane answered with a 2xx status. */
export interface Answer {
  readonly status: number;
  /** null where there was no body. */
  readonly body: unknown;
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;
type WriteMethod = 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** The admin API. Every method throws a `Failure` for anything but a 2xx answer. */
export interface Api {
  readonly origin: string;
  get(path: string, query?: Query): Promise<unknown>;
  /** A write; it carries an idempotency key, so that repeating it with the same key is safe. */
  send(method: WriteMethod, path: string, body?: unknown, query?: Query): Promise<Answer>;
  close(): Promise<void>;
}

export interface ApiOptions {
  readonly idempotencyKey: string | null;
  /** Ends waiting requests when the user interrupts the command. */
  readonly interrupt: AbortSignal | null;
}

const connectTimeoutMs = 5_000;
const answerTimeoutMs = 30_000;
const answerBytesMax = 16 * 1024 * 1024;

/** A client of one control plane. It follows no redirects and keeps one connection. */
export function createApi(settings: ClientSettings, options: ApiOptions): Api {
  const agent = new Agent({
    connections: 1,
    pipelining: 1,
    headersTimeout: answerTimeoutMs,
    bodyTimeout: answerTimeoutMs,
    maxResponseSize: answerBytesMax,
    connect: {
      lookup: localhostLookup,
      timeout: connectTimeoutMs,
      maxCachedSessions: 0,
      ...(settings.ca === null ? {} : { ca: settings.ca }),
    },
  });
  const exchange = async (
    request: Omit<Dispatcher.RequestOptions, 'origin' | 'headers'>,
    headers: Record<string, string>,
  ): Promise<Received> => {
    try {
      const response = await agent.request({
        ...request,
        origin: settings.origin,
        signal: options.interrupt,
        headers: {
          accept: 'application/json',
          authorization: `Bearer ${settings.token}`,
          ...headers,
        },
      });
      const text = await response.body.text();
      return { status: response.statusCode, headers: response.headers, text };
    } catch (error) {
      throw unansweredFailure(error, settings.origin, headers['idempotency-key'] ?? null);
    }
  };
  let writes = 0;
  return {
    origin: settings.origin,
    get: async (path, query) =>
      readAnswer(await exchange({ method: 'GET', path: withQuery(path, query) }, {})).body,
    send: async (method, path, body, query) => {
      const headers = { 'idempotency-key': writeKey(options.idempotencyKey, writes) } as Record<
        string,
        string
      >;
      writes += 1;
      if (body !== undefined) headers['content-type'] = 'application/json';
      const content = body === undefined ? null : JSON.stringify(body);
      return readAnswer(
        await exchange({ method, path: withQuery(path, query), body: content }, headers),
      );
    },
    close: () => agent.destroy(),
  };
}

/** A command that writes twice has a key for each, the same ones when it is repeated. */
function writeKey(given: string | null, writes: number): string {
  if (given === null) return randomUUID();
  return writes === 0 ? given : `${given}.${writes}`;
}

interface Received {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

function readAnswer({ status, headers, text }: Received): Answer {
  const body = text === '' ? null : parse(text);
  if (status >= 200 && status < 300) {
    if (body === undefined) throw new Failure('failed', 'the answer is not JSON');
    return { status, body };
  }
  const requestId = headers['sallyport-request-id'];
  throw answeredFailure(status, body, typeof requestId === 'string' ? requestId : null);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function withQuery(path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) search.set(name, String(value));
  }
  return search.size === 0 ? path : `${path}?${search.toString()}`;
}

/** A path with each part encoded, so that no name can leave its segment. A colon may stand bare. */
export function apiPath(...segments: readonly string[]): string {
  const encoded = segments.map((segment) => encodeURIComponent(segment).replaceAll('%3A', ':'));
  return `/v1/${encoded.join('/')}`;
}
