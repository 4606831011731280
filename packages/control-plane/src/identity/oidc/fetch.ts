import type { LookupFunction } from 'node:net';
import type { Network } from '@sallyport/policy';
import { SallyportError } from '@sallyport/shared/errors';
import { guardedLookup, hostAllowed } from '@sallyport/shared/network/lookup';
import type { CustomFetch, CustomFetchOptions } from 'openid-client';
import { Agent, type Dispatcher } from 'undici';

const responseBytesMax = 1_048_576;
const requestTimeoutMs = 3_000;

export interface ProviderFetch {
  readonly fetch: CustomFetch;
  close(): Promise<void>;
}

export interface ProviderFetchOptions {
  /** PEM; null: the system's authorities. */
  readonly authorities: string | null;
  /** Networks of settings.network.internal: without an entry no internal address is gone to. */
  readonly internal: readonly Network[];
}

/**
 * The only way to an identity provider: https alone, no redirects, 3 s and 1 MiB at the most, and
 * only to addresses that the settings allow. Failures are SallyportError `provider_unavailable`.
 */
export function createProviderFetch(options: ProviderFetchOptions): ProviderFetch {
  const agent = new Agent({
    connections: 8,
    pipelining: 1,
    keepAliveTimeout: 4_000,
    headersTimeout: requestTimeoutMs,
    bodyTimeout: requestTimeoutMs,
    maxHeaderSize: 16_384,
    connect: {
      timeout: requestTimeoutMs,
      lookup: guardedLookup(options.internal) as LookupFunction,
      maxCachedSessions: 0,
      ...(options.authorities === null ? {} : { ca: options.authorities }),
    },
  });
  return {
    fetch: (url, request) => send(agent, new URL(url), request, options.internal),
    close: () => agent.destroy(),
  };
}

async function send(
  agent: Agent,
  url: URL,
  request: CustomFetchOptions,
  internal: readonly Network[],
): Promise<Response> {
  if (url.protocol !== 'https:') throw unavailable('only https is spoken to identity providers');
  if (!hostAllowed(url.hostname, internal)) {
    throw unavailable('the address of the identity provider is not in settings.network.internal');
  }
  const timeout = AbortSignal.timeout(requestTimeoutMs);
  try {
    const response = await agent.request({
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method: request.method as Dispatcher.HttpMethod,
      headers: { ...request.headers, 'accept-encoding': 'identity' },
      body: bodyText(request.body),
      signal: request.signal === undefined ? timeout : AbortSignal.any([timeout, request.signal]),
    });
    return await whole(response);
  } catch (cause) {
    if (cause instanceof SallyportError) throw cause;
    throw unavailable('the identity provider did not answer', cause);
  }
}

async function whole(response: Dispatcher.ResponseData): Promise<Response> {
  const { statusCode, headers, body } = response;
  if (statusCode >= 300 && statusCode < 400) {
    await body.dump({ limit: 0 }).catch(() => undefined);
    throw unavailable('the identity provider answered with a redirect, which is never followed');
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > responseBytesMax) {
      body.destroy();
      throw unavailable('the answer of the identity provider is larger than 1 MiB');
    }
    chunks.push(chunk);
  }
  const type = headers['content-type'];
  return new Response(bytes === 0 ? null : Buffer.concat(chunks), {
    status: statusCode,
    headers: typeof type === 'string' ? { 'content-type': type } : {},
  });
}

function bodyText(body: CustomFetchOptions['body']): string | null {
  if (body === null || body === undefined) return null;
  if (typeof body === 'string') return body;
  if (body instanceof URLSearchParams) return body.toString();
  throw new TypeError('only form bodies are sent to an identity provider');
}

function unavailable(detail: string, cause?: unknown): SallyportError {
  return new SallyportError('provider_unavailable', detail, cause === undefined ? {} : { cause });
}
