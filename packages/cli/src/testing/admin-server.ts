import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './run.ts';

/** What the server was asked, with a body read as JSON. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: unknown;
}

export interface Answered {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface AdminServer {
  readonly url: string;
  /** Environment by which the program reaches it. */
  readonly env: Readonly<Record<string, string>>;
  /** Folder that `sallyport init` made. */
  readonly home: string;
  readonly asked: Asked[];
  /** Answers from now on. */
  answer(answer: (asked: Asked) => Answered): void;
  close(): Promise<void>;
}

/** A real HTTPS server with the certificate that `init` made, in the place of the admin API. */
export async function startAdminServer(): Promise<AdminServer> {
  const scratch = await mkdtemp(join(tmpdir(), 'sallyport-cli-'));
  const home = join(scratch, 'home');
  const made = await run(['init', '--dir', home, '--trust-domain', 'corp.example']);
  if (made.code !== 0) throw new Error(made.stderr);
  let answer: (asked: Asked) => Answered = () => ({ status: 404 });
  const asked: Asked[] = [];
  const server = createServer(
    {
      cert: await readFile(join(home, 'admin/server.pem')),
      key: await readFile(join(home, 'admin/server.key.pem')),
    },
    (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const url = new URL(request.url ?? '/', 'https://localhost');
        const text = Buffer.concat(chunks).toString('utf8');
        const one: Asked = {
          method: request.method ?? '',
          path: url.pathname,
          query: url.searchParams,
          headers: request.headers,
          body: text === '' ? null : (JSON.parse(text) as unknown),
        };
        asked.push(one);
        const { status, body, headers } = answer(one);
        response.writeHead(status, { 'content-type': 'application/json', ...headers });
        response.end(body === undefined ? '' : JSON.stringify(body));
      });
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `https://localhost:${(server.address() as AddressInfo).port}`;
  return {
    url,
    home,
    asked,
    env: {
      SALLYPORT_URL: url,
      SALLYPORT_CA: join(home, 'ca/admin.pem'),
      SALLYPORT_TOKEN_FILE: join(home, 'owner-token'),
    },
    answer: (next) => {
      asked.length = 0;
      answer = next;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await rm(scratch, { recursive: true, force: true });
    },
  };
}

/** A problem document as the control plane makes it. */
export function problem(status: number, code: string, more: object = {}): Answered {
  return {
    status,
    headers: { 'content-type': 'application/problem+json' },
    body: {
      type: `https://sallyport.dev/problems/${code}`,
      title: 'A title',
      status,
      detail: 'a detail',
      code,
      correlationId: 'req_0000000000000000000000000a',
      ...more,
    },
  };
}
