import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { testDocuments } from './documents.ts';
import type { TestEdge } from './edge.ts';
import { issue } from './pki.ts';

/** An application that speaks HTTP as Node does, where a recorder of bytes would be too slow. */
export interface Application {
  readonly port: number;
  close(): Promise<void>;
}

/** Starts it, and puts it behind the host `app.corp.test`. */
export async function startApplication(
  edge: TestEdge,
  listener: RequestListener,
): Promise<Application> {
  const dns = ['upstream.corp.localhost'];
  const order = { commonName: 'application', dns, usage: 'server', days: 1 } as const;
  const { cert, key } = await issue(edge.pki.upstream, order);
  const server = createServer({ cert, key, requestTimeout: 0 }, listener);
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const documents = testDocuments(edge.pki, edge.upstream.port).map((document) =>
    document.kind === 'Route' && document.metadata.name === 'app'
      ? {
          ...document,
          spec: {
            ...document.spec,
            upstream: {
              ...document.spec.upstream,
              url: `https://upstream.corp.localhost:${port}`,
            },
          },
        }
      : document,
  );
  await edge.apply('config', ...edge.configuration(documents));
  return {
    port,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
