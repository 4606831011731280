import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type Authority, issueWithNewKey } from '@sallyport/shared/pki/issue';
import { afterAll } from 'vitest';

export interface HttpsServer {
  /** `https://host:port`. */
  readonly origin: string;
}

const closing: (() => Promise<void>)[] = [];

afterAll(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
});

/** A server on a port of its own with a certificate for `host`. Ends with the test file. */
export async function httpsServer(
  authority: Authority,
  host: string,
  listener: RequestListener,
): Promise<HttpsServer> {
  const tls = await issueWithNewKey(authority, {
    commonName: host,
    dns: [host],
    usage: 'server',
    days: 1,
  });
  const server = createServer({ cert: tls.certificatePem, key: tls.privateKeyPem }, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return { origin: `https://${host}:${(server.address() as AddressInfo).port}` };
}
