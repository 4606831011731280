import { createHmac, randomBytes } from 'node:crypto';
import { oauth2ProxyIsThere, startOauth2Proxy } from '../../support/peers/oauth2-proxy.ts';
import { type Helper, startHelper } from './processes.ts';
import { serverCore } from './side.ts';

/** What nginx asks about each request. */
export interface AuthPeer {
  readonly name: string;
  readonly port: number;
  readonly path: string;
  /** Of somebody who is signed in. */
  readonly cookie: string;
  pids(): readonly number[];
  stop(): Promise<void>;
}

const hourMs = 3_600_000;

/** oauth2-proxy if it is on the path, else a minimal service of our own; on nginx's core. */
export async function startAuthPeer(): Promise<AuthPeer> {
  if (oauth2ProxyIsThere) {
    const { peer, cookie } = await startOauth2Proxy(serverCore);
    const { port } = peer;
    const name = 'oauth2-proxy';
    return {
      name,
      port,
      path: '/oauth2/auth',
      cookie,
      pids: () => peer.pids(),
      stop: () => peer.stop(),
    };
  }
  const key = randomBytes(32).toString('hex');
  const helper: Helper = await startHelper(
    new URL('../peers/auth-service.ts', import.meta.url),
    serverCore,
    { AUTH_KEY: key },
  );
  const session = `${Date.now() + hourMs}.bench`;
  const mac = createHmac('sha256', key).update(session).digest('hex');
  return {
    name: 'a minimal Node auth service, as oauth2-proxy is not on the path',
    port: helper.port,
    path: '/auth',
    cookie: `session=${session}.${mac}`,
    pids: () => [helper.pid],
    stop: () => helper.stop(),
  };
}
