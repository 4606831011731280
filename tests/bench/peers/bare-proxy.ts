import cluster from 'node:cluster';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Pool } from 'undici';

/**
 * The peer: a Node TLS proxy on undici that does nothing else. It asks for a client certificate, as
 * the edge does, and forwards every request with its headers. In one process, or as `PROCESSES` says.
 */
const upstream = new Pool(`https://127.0.0.1:${process.env['UPSTREAM_PORT']}`, {
  connections: 64,
  pipelining: 1,
  connect: { ca: readFileSync(process.env['CA'] ?? ''), servername: 'localhost' },
});

const server = createServer(
  {
    cert: readFileSync(process.env['CERT'] ?? ''),
    key: readFileSync(process.env['KEY'] ?? ''),
    ca: readFileSync(process.env['DEVICE_CA'] ?? ''),
    requestCert: true,
    rejectUnauthorized: false,
  },
  (request, response) => {
    const bodyless = request.method === 'GET' || request.method === 'HEAD';
    upstream
      .request({
        method: request.method ?? 'GET',
        path: request.url ?? '/',
        headers: request.headers,
        body: bodyless ? null : request,
      })
      .then((answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.body.pipe(response);
      })
      .catch(() => response.writeHead(502).end());
  },
);
const processes = Number(process.env['PROCESSES'] ?? '1');
const ready = (port: number): void => {
  process.stdout.write(`${port}\n`);
};
if (processes > 1 && cluster.isPrimary) {
  let listening = 0;
  cluster.on('listening', (_worker, { port }) => {
    listening += 1;
    if (listening === processes) ready(port);
  });
  for (let at = 0; at < processes; at += 1) cluster.fork();
} else {
  server.listen(0, '127.0.0.1', () => {
    if (cluster.isPrimary) ready((server.address() as AddressInfo).port);
  });
}
process.on('SIGTERM', () => process.exit(0));
