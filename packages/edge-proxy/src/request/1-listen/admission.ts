import type { Socket } from 'node:net';
import { parseAddress } from '@sallyport/policy';
import type { FrontProxies, ListenerSettings } from '../../state/current.ts';
import type { ConnectionRoom } from '../../worker/connection-room.ts';
import type { ConnectionRefusal } from '../../worker/request-worker.ts';
import { isIn } from '../forwards.ts';

/**
 * Lets connections in as long as there is room, for all of them and for each client address, before
 * a byte of them is read. Others are reset and counted: a flood fills no records, and what is open
 * already goes on. So descriptors never run out, and the process never stands before an `accept`
 * that fails.
 */
export class Admission {
  readonly refused: Record<ConnectionRefusal, number> = { address: 0, total: 0, descriptors: 0 };
  readonly #room: ConnectionRoom;
  readonly #settings: () => ListenerSettings;
  readonly #fronts: () => FrontProxies;

  constructor(room: ConnectionRoom, settings: () => ListenerSettings, fronts: () => FrontProxies) {
    this.#room = room;
    this.#settings = settings;
    this.#fronts = fronts;
  }

  /** Gives the connection its place until it closes; false: there is none, and it is closed. */
  admit(socket: Socket): boolean {
    const { total } = this.#settings().connections;
    const { descriptorsMax } = this.#room;
    if (!this.#room.enter(Math.min(total, descriptorsMax))) {
      return this.#refuse(socket, descriptorsMax < total ? 'descriptors' : 'total');
    }
    socket.once('close', () => this.#room.leave());
    return true;
  }

  /** The same of the address that it comes from. A front proxy has the connections of many. */
  admitFrom(socket: Socket, text: string): boolean {
    const address = parseAddress(text);
    if (address === null) return this.#refuse(socket, 'address');
    const { proxyV2, forwardedFor } = this.#fronts();
    if (isIn(proxyV2, address) || isIn(forwardedFor, address)) return true;
    const bucket = this.#room.enterBucketOf(address, this.#settings().connections.perAddress);
    if (bucket === null) return this.#refuse(socket, 'address');
    socket.once('close', () => this.#room.leaveBucket(bucket));
    return true;
  }

  #refuse(socket: Socket, why: ConnectionRefusal): false {
    this.refused[why] += 1;
    // Nothing of it is left, here or in the kernel.
    socket.resetAndDestroy();
    return false;
  }
}
