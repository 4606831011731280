import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * What nginx asks where oauth2-proxy is not on this machine: the least that such a service has to
 * do. It checks the MAC and the end of a session cookie, `session=<end in ms>.<user>.<mac>`, and
 * says who it is.
 */
const key = process.env['AUTH_KEY'] ?? '';

function userOf(cookies: string): string | null {
  const session = /(?:^|; )session=(\d+)\.([^.;]+)\.([0-9a-f]{64})(?:;|$)/.exec(cookies);
  if (session === null) return null;
  const [, end = '', user = '', mac = ''] = session;
  const expected = createHmac('sha256', key).update(`${end}.${user}`).digest();
  const isRight = timingSafeEqual(expected, Buffer.from(mac, 'hex'));
  return isRight && Number(end) > Date.now() ? user : null;
}

const server = createServer((request, response) => {
  const user = userOf(request.headers.cookie ?? '');
  if (user === null) response.writeHead(401).end();
  else response.writeHead(202, { 'x-auth-request-user': user, 'content-length': 0 }).end();
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
process.on('SIGTERM', () => process.exit(0));
