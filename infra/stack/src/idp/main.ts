/**
 * The identity provider of the stack, a process of its own. Certificate and key files come as
 * arguments; the parent says over the channel, once the edges have their ports, where they are.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair } from 'jose';
import type Provider from 'oidc-provider';
import { pageHeaders } from '../page.ts';
import { people } from '../people.ts';
import { errorPage, signInPage } from './pages.ts';
import { createProvider } from './provider.ts';

const bodyBytesMax = 8 * 1024;
const [certificate = '', key = ''] = process.argv.slice(2);

/** Sent by the parent, again whenever something in it changes. */
interface Setup {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly redirectUris: readonly string[];
}

const cookieKey = randomBytes(32).toString('base64url');
const { privateKey } = await generateKeyPair('ES256', { extractable: true });
const signingKey = { ...(await exportJWK(privateKey)), alg: 'ES256', use: 'sig', kid: 'corp-1' };
let provider: { readonly own: Provider; readonly handle: ReturnType<Provider['callback']> } | null =
  null;
let issuer = '';

const server = createServer(
  { cert: readFileSync(certificate), key: readFileSync(key), minVersion: 'TLSv1.2' },
  (request, response) => {
    answer(request, response).catch((error: unknown) => {
      console.error('request failed', error);
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  },
);

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (provider === null) {
    response.writeHead(503).end('not set up yet\n');
  } else if (/^\/interaction\/[\w-]+$/.test(request.url ?? '')) {
    await interact(provider.own, request, response);
  } else {
    await provider.handle(request, response);
  }
}

async function interact(
  own: Provider,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    await own.interactionDetails(request, response);
  } catch {
    const message = 'This sign-in is not known here, or it took too long. Start it again.';
    response.writeHead(400, pageHeaders).end(errorPage(message));
    return;
  }
  if (request.method !== 'POST') {
    response.writeHead(200, pageHeaders).end(signInPage({ failed: false, email: '' }));
    return;
  }
  const form = new URLSearchParams(await body(request));
  const email = form.get('email') ?? '';
  const person = people.find((candidate) => candidate.email === email.trim().toLowerCase());
  if (person === undefined || !same(form.get('password') ?? '', person.password)) {
    response.writeHead(401, pageHeaders).end(signInPage({ failed: true, email }));
    return;
  }
  await own.interactionFinished(request, response, {
    login: { accountId: person.name, amr: ['pwd'] },
  });
}

async function body(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bodyBytesMax) throw new Error('the form is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function same(given: string, wanted: string): boolean {
  const a = Buffer.alloc(128);
  const b = Buffer.alloc(128);
  a.write(given);
  b.write(wanted);
  return timingSafeEqual(a, b) && given.length === wanted.length;
}

process.on('message', (setup: Setup) => {
  const own = createProvider({ issuer, signingKey, cookieKey, ...setup });
  provider = { own, handle: own.callback() };
  process.send?.({ ready: true });
});
process.on('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
  process.disconnect?.();
});

server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  issuer = `https://idp.localhost:${port}`;
  console.log(JSON.stringify({ ready: true, issuer, pid: process.pid }));
});
