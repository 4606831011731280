import { readFile } from 'node:fs/promises';
import type { FieldProblem, ProblemDocument } from '@sallyport/shared/errors';
import { localhostLookup } from '@sallyport/shared/network/lookup';
import { Agent, request } from 'undici';

/** The admin API said no. */
export class AdminApiError extends Error {
  override readonly name = 'AdminApiError';
  readonly status: number;
  /** Fields that it named. */
  readonly problems: readonly FieldProblem[];

  constructor(method: string, path: string, status: number, problem: Partial<ProblemDocument>) {
    super(`${method} ${path}: ${status} ${problem.code ?? ''} ${problem.detail ?? ''}`.trimEnd());
    this.status = status;
    this.problems = problem.errors ?? [];
  }
}

export interface AdminAnswer<T> {
  readonly status: number;
  readonly body: T;
}

export interface AdminCall {
  /** The same key with the same request does it once, however often it is sent. */
  readonly idempotencyKey?: string;
  /** Gives up after so many milliseconds. Default: when the connection does. */
  readonly msMax?: number;
}

/** A client of the admin API: bearer token, JSON both ways, our authorities. */
export interface AdminApi {
  get<T>(path: string, call?: AdminCall): Promise<T>;
  post<T>(path: string, body: unknown, call?: AdminCall): Promise<AdminAnswer<T>>;
  put<T>(path: string, body: unknown): Promise<AdminAnswer<T>>;
  delete(path: string, call?: AdminCall): Promise<void>;
  close(): Promise<void>;
}

/** Opens one. Answers from 400 up reject with AdminApiError. */
export async function openAdminApi(options: {
  readonly url: string;
  readonly token: string;
  /** PEM file. */
  readonly ca: string;
}): Promise<AdminApi> {
  const ca = await readFile(options.ca, 'utf8');
  const agent = new Agent({ connect: { ca, lookup: localhostLookup } });
  const send = async <T>(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    body?: unknown,
    { idempotencyKey, msMax }: AdminCall = {},
  ): Promise<AdminAnswer<T>> => {
    const response = await request(new URL(path, options.url), {
      dispatcher: agent,
      method,
      headers: {
        authorization: `Bearer ${options.token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
      },
      ...(msMax === undefined ? {} : { signal: AbortSignal.timeout(msMax) }),
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await response.body.text();
    const parsed: unknown = text === '' ? null : JSON.parse(text);
    if (response.statusCode >= 400) {
      const problem = (parsed ?? {}) as Partial<ProblemDocument>;
      throw new AdminApiError(method, path, response.statusCode, problem);
    }
    return { status: response.statusCode, body: parsed as T };
  };
  return {
    get: async <T>(path: string, call?: AdminCall) =>
      (await send<T>('GET', path, undefined, call)).body,
    post: (path, body, call) => send('POST', path, body, call),
    put: (path, body) => send('PUT', path, body),
    delete: async (path, call) => void (await send('DELETE', path, undefined, call)),
    close: () => agent.destroy(),
  };
}
