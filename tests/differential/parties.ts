import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestEdge } from '@sallyport/edge-proxy/testing/edge';
import { issueWithNewKey } from '@sallyport/shared/pki/issue';
import { haproxyIsThere, startHaproxy } from '../support/peers/haproxy.ts';
import { nginxIsThere, startNginx } from '../support/peers/nginx.ts';
import type { Door } from './send.ts';

export const partyNames = ['edge', 'nginx', 'haproxy'] as const;
export type PartyName = (typeof partyNames)[number];

export const othersAreThere = nginxIsThere && haproxyIsThere;

/** Over HTTP/1.1 and over HTTP/2. */
type Doors = readonly [Door, Door];

/** An edge, nginx and HAProxy in front of one recorder. */
export interface Parties {
  readonly edge: TestEdge;
  readonly doors: Readonly<Record<PartyName, Doors>>;
  /** Ends all three, and waits until all has come that they sent to the recorder. */
  end(): Promise<void>;
}

export async function startParties(): Promise<Parties> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-differential-'));
  const edge = await TestEdge.start();
  edge.upstream.script = (head) =>
    `HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n${head.startsWith('HEAD ') ? '' : 'hello'}`;
  // As the edge does it, they show the recorder who they are.
  const order = { commonName: 'another', usage: 'client', days: 1 } as const;
  const { certificatePem, privateKeyPem } = await issueWithNewKey(edge.pki.edge, order);
  const identity = join(folder, 'identity.pem');
  await writeFile(identity, certificatePem + privateKeyPem, { mode: 0o600 });
  const { port } = edge.upstream;
  const peers = await Promise.all([
    startNginx({ http: nginxServer('', port, identity) }),
    startNginx({ http: nginxServer('http2', port, identity) }),
    startHaproxy(haproxySections('', port, identity), haproxyBuffers),
    startHaproxy(haproxySections('proto h2', port, identity), haproxyBuffers),
  ]);
  const [nginx, nginx2, haproxy, haproxy2] = peers.map((peer) => ({ port: peer.port, ca: null }));
  if (!nginx || !nginx2 || !haproxy || !haproxy2) throw new Error('somebody is missing');
  const own = { port: edge.port, ca: edge.pki.server.certificatePem };
  return {
    edge,
    doors: { edge: [own, own], nginx: [nginx, nginx2], haproxy: [haproxy, haproxy2] },
    end: async () => {
      await Promise.all([...peers.map((peer) => peer.stop()), edge.worker.drain(0)]);
      await Promise.all(
        edge.upstream.connections.map(async ({ socket }) => {
          if (!socket.closed) await once(socket, 'close');
        }),
      );
      await edge.upstream.stop();
      await rm(folder, { recursive: true });
    },
  };
}

/** As much as the edge takes, where it is not told otherwise. */
const haproxyBuffers = 'tune.bufsize 65536';

/** Bodies go on as they come, as they do at the edge. */
function nginxServer(protocol: string, upstreamPort: number, identity: string) {
  return (port: number): string => `
  server {
    listen 127.0.0.1:${port} ${protocol};
    client_max_body_size 0;
    large_client_header_buffers 8 64k;
    client_header_timeout 3s;
    client_body_timeout 3s;
    location / {
      proxy_pass https://127.0.0.1:${upstreamPort};
      proxy_ssl_certificate ${identity};
      proxy_ssl_certificate_key ${identity};
      proxy_http_version 1.1;
      proxy_request_buffering off;
      proxy_read_timeout 3s;
      proxy_set_header Host $http_host;
      proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Through nginx;
    }
  }`;
}

function haproxySections(protocol: string, upstreamPort: number, identity: string) {
  return (port: number): string => `
frontend all
  bind 127.0.0.1:${port} ${protocol}
  timeout http-request 3s
  timeout client 3s
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Through haproxy
  default_backend recorder
backend recorder
  timeout server 3s
  server recorder 127.0.0.1:${upstreamPort} ssl verify none crt ${identity}
`;
}
