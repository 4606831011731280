import { readFile } from 'node:fs/promises';
import { localhostLookup } from '@sallyport/shared/network/lookup';
import { Browser, type StackDescription, type StackUser } from '@sallyport/stack';
import { Agent, request } from 'undici';
import { json, pageOn } from './cast.ts';

/** A session that somebody has, as far as asking with it goes. */
export interface Session {
  readonly sid: string;
  readonly user: StackUser;
  /** Cookie header for the wiki. */
  readonly cookie: string;
}

/** Signs in anew at an edge; the answer of the application says which session it is. */
export async function openSession(
  stack: StackDescription,
  user: StackUser,
  edge = 0,
): Promise<Session> {
  const browser = await Browser.open(stack, user.device);
  try {
    const page = pageOn(stack, '/', { edge });
    const signedIn = await browser.signIn(page, user);
    if (signedIn.status !== 200) throw new Error(`sign-in: ${signedIn.status} ${signedIn.text}`);
    const answer = await browser.ask(page, { headers: json });
    const { identity } = JSON.parse(answer.text) as { identity: { session: string } | null };
    if (identity === null) throw new Error(`the application knows nobody: ${answer.text}`);
    return { sid: identity.session, user, cookie: browser.jar.header(page) ?? '' };
  } finally {
    await browser.close();
  }
}

/** Asks edges with sessions, over connections that are kept per device. */
export class Asker {
  readonly #stack: StackDescription;
  readonly #ca: string;
  readonly #agents = new Map<string, Agent>();

  private constructor(stack: StackDescription, ca: string) {
    this.#stack = stack;
    this.#ca = ca;
  }

  static async open(stack: StackDescription): Promise<Asker> {
    return new Asker(stack, await readFile(stack.ca, 'utf8'));
  }

  /**
   * Asks the wiki of an edge (from 0) with a session. The status, or null where there was no
   * answer: the edge is down, or did not answer in `msMax`.
   */
  async status(session: Session, edge: number, msMax = 2_000): Promise<number | null> {
    try {
      const dispatcher = await this.#agent(session.user);
      const signal = AbortSignal.timeout(msMax);
      const headers = { ...json, cookie: session.cookie };
      const url = pageOn(this.#stack, '/', { edge });
      const response = await request(url, { dispatcher, headers, signal });
      await response.body.dump();
      return response.statusCode;
    } catch {
      return null;
    }
  }

  /** The same of every edge of the stack. */
  statuses(session: Session): Promise<(number | null)[]> {
    return Promise.all(this.#stack.edges.map((_, edge) => this.status(session, edge)));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.destroy()));
  }

  async #agent({ device }: StackUser): Promise<Agent> {
    const known = this.#agents.get(device.id);
    if (known !== undefined) return known;
    const [cert, key] = await Promise.all([readFile(device.cert), readFile(device.key)]);
    const made = new Agent({
      connect: { ca: this.#ca, cert, key, lookup: localhostLookup, timeout: 2_000 },
    });
    const first = this.#agents.get(device.id) ?? made;
    this.#agents.set(device.id, first);
    return first;
  }
}
