import type { TLSSocket } from 'node:tls';

/** A connection without an edge certificate is there to join, which takes one call. */
const anonymousMsMax = 30_000;

/**
 * Open connections by the name that grpc-js has for their other end, so that one can be closed when
 * its streams must not wait for anybody to read their end.
 */
export class Connections {
  readonly #sockets = new Map<string, Set<TLSSocket>>();
  readonly #edges = new Map<TLSSocket, string>();

  get size(): number {
    let size = 0;
    for (const sockets of this.#sockets.values()) size += sockets.size;
    return size;
  }

  /** `edgeId`: who presented an edge certificate; null for anybody else. */
  add(socket: TLSSocket, edgeId: string | null): void {
    const { remoteAddress, remotePort } = socket;
    const name = `${remoteAddress}:${remotePort}`;
    const sockets = this.#sockets.get(name) ?? new Set();
    sockets.add(socket);
    this.#sockets.set(name, sockets);
    if (edgeId !== null) this.#edges.set(socket, edgeId);
    const timer = edgeId === null ? setTimeout(() => socket.destroy(), anonymousMsMax) : undefined;
    timer?.unref();
    socket.once('close', () => {
      clearTimeout(timer);
      this.#edges.delete(socket);
      sockets.delete(socket);
      if (sockets.size === 0) this.#sockets.delete(name);
    });
  }

  /** Closes at once. `peer` is what `getPeer()` says of a call. */
  destroy(peer: string): void {
    for (const socket of this.#sockets.get(peer) ?? []) socket.destroy();
  }

  /** The edges that are connected. */
  edgeIds(): ReadonlySet<string> {
    return new Set(this.#edges.values());
  }

  /** Closes all connections of an edge. */
  destroyEdge(edgeId: string): void {
    for (const [socket, id] of this.#edges) if (id === edgeId) socket.destroy();
  }

  destroyAll(): void {
    for (const peer of this.#sockets.keys()) this.destroy(peer);
  }
}
