import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bus, busSubjects, connectBus } from '@sallyport/shared/bus/bus';
import { readSeed } from '@sallyport/shared/init/seed';
import { createLog } from '@sallyport/shared/log';
import { issueWithNewKey } from '@sallyport/shared/pki/issue';
import { Seeded } from './seeded.ts';
import { until } from './until.ts';

/** What became of the messages. */
export interface Handled {
  passed: number;
  dropped: number;
  doubled: number;
  late: number;
  replayed: number;
}

const keptMax = 200;
const lateMsMax = 600;
const subjects = [busSubjects.revoke, busSubjects.config, busSubjects.heartbeat] as const;

/**
 * Stands between two buses and gives on what it hears: some of it not at all, some twice, some
 * late and so in another order, and now and then something old.
 */
export class LossyBus {
  readonly handled: Handled = { passed: 0, dropped: 0, doubled: 0, late: 0, replayed: 0 };
  readonly #from: Bus;
  readonly #to: Bus;
  readonly #seeded: Seeded;
  readonly #kept: { readonly subject: string; readonly payload: Uint8Array }[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();

  private constructor(from: Bus, to: Bus, seeded: Seeded) {
    this.#from = from;
    this.#to = to;
    this.#seeded = seeded;
    for (const subject of subjects) {
      from.subscribe(subject, (payload) => this.#take(subject, Uint8Array.from(payload)));
    }
  }

  /** `dir` is the folder of the stack: the bridge is let in as a control plane would be. */
  static async start(dir: string, from: string, to: string, seed: number): Promise<LossyBus> {
    const connect = await busOpener(dir);
    const [heard, told] = [connect(from), connect(to)];
    await until('the bridge is connected', () => heard.connected() && told.connected());
    return new LossyBus(heard, told, new Seeded(seed));
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all([this.#from.close(), this.#to.close()]);
  }

  #take(subject: string, payload: Uint8Array): void {
    this.#kept.push({ subject, payload });
    if (this.#kept.length > keptMax) this.#kept.shift();
    const chance = this.#seeded.next();
    if (chance < 0.1) this.handled.dropped += 1;
    else if (chance < 0.2) this.#giveTwice(subject, payload);
    else if (chance < 0.35) this.#giveLate(subject, payload);
    else this.#give(subject, payload);
    if (this.#seeded.next() < 0.1) this.#replay();
  }

  #give(subject: string, payload: Uint8Array): void {
    this.handled.passed += 1;
    this.#to.publish(subject, payload);
  }

  #giveTwice(subject: string, payload: Uint8Array): void {
    this.handled.doubled += 1;
    this.#give(subject, payload);
    this.#give(subject, payload);
  }

  #giveLate(subject: string, payload: Uint8Array): void {
    this.handled.late += 1;
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        this.#give(subject, payload);
      },
      this.#seeded.between(20, lateMsMax),
    );
    this.#timers.add(timer);
  }

  #replay(): void {
    const { subject, payload } = this.#seeded.one(this.#kept);
    this.handled.replayed += 1;
    this.#give(subject, payload);
  }
}

async function busOpener(dir: string): Promise<(server: string) => Bus> {
  const home = join(dir, 'control-plane');
  const seed = await readSeed(home);
  const issued = await issueWithNewKey(seed.authorities.edge, {
    commonName: 'sallyport-control-plane',
    usage: 'client',
    days: 1,
  });
  const ca = await readFile(join(dir, 'pki', 'web-ca.pem'), 'utf8');
  const credentials = () => ({
    ca,
    certificate: issued.certificatePem,
    privateKey: issued.privateKeyPem,
  });
  const log = createLog('error', { process: 'lossy-bus' });
  return (server) => connectBus({ servers: [server], credentials, name: 'lossy-bus', log });
}
