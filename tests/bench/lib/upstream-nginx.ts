import { startNginx } from '../../support/peers/nginx.ts';
import { type Peer } from '../../support/peers/program.ts';
import { otherCore } from './side.ts';
import type { BenchFiles } from './site.ts';

const body = 'x'.repeat(1024);

/** The upstream of all sides: nginx that answers everything with the same 1 KiB over TLS. */
export function startUpstream({ server }: BenchFiles): Promise<Peer> {
  return startNginx({
    core: otherCore,
    http: (port) => `
  server {
    listen 127.0.0.1:${port} ssl backlog=1024;
    ssl_certificate ${server.CERT};
    ssl_certificate_key ${server.KEY};
    ssl_protocols TLSv1.3;
    ssl_session_tickets off;
    keepalive_requests 1000000000;
    keepalive_timeout 300s;
    default_type text/plain;
    location / { return 200 "${body}"; }
  }`,
  });
}
