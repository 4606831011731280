import type { CallMessage, CallName, CallTable, ToWorker } from './messages.ts';
import type { CallResult, ControlCalls } from './request-worker.ts';

/** Calls of one worker that may wait for an answer at the same time. */
const openCallsMax = 256;
/** Of these, so many of one kind: what people can ask for at will leaves room for the others. */
const openMax: { readonly [Name in CallName]?: number } = {
  beginSignIn: 64,
  describeSelf: 32,
  endOwnSessions: 32,
};
/** The main thread answers within 5 s; this is for one that does not. */
const answerMsMax = 7_000;

type Value = CallTable[CallName]['value'];

interface OpenCall {
  readonly name: CallName;
  readonly settle: (result: CallResult<Value>) => void;
  readonly timer: NodeJS.Timeout;
}

/** Calls to the control plane from a worker, by way of the main thread, which has the channel. */
export class WorkerCalls implements ControlCalls {
  readonly #post: (message: CallMessage) => void;
  readonly #open = new Map<number, OpenCall>();
  #id = 0;
  readonly #openByName = new Map<CallName, number>();

  constructor(post: (message: CallMessage) => void) {
    this.#post = post;
  }

  beginSignIn(request: CallTable['beginSignIn']['request']) {
    return this.#call('beginSignIn', request);
  }

  completeSignIn(request: CallTable['completeSignIn']['request']) {
    return this.#call('completeSignIn', request);
  }

  redeemHandOver(request: CallTable['redeemHandOver']['request']) {
    return this.#call('redeemHandOver', request);
  }

  endSession(request: CallTable['endSession']['request']) {
    return this.#call('endSession', request);
  }

  describeSelf(request: CallTable['describeSelf']['request']) {
    return this.#call('describeSelf', request);
  }

  endOwnSessions(request: CallTable['endOwnSessions']['request']) {
    return this.#call('endOwnSessions', request);
  }

  /** An answer from the main thread; one that comes too late is dropped. */
  onReply({ id, result }: Extract<ToWorker, { readonly type: 'reply' }>): void {
    this.#settle(id, result);
  }

  #call<Name extends CallName>(
    name: Name,
    request: CallTable[Name]['request'],
  ): Promise<CallResult<CallTable[Name]['value']>> {
    if (this.#isFull(name)) {
      const failure = { code: 'unavailable', detail: 'too many calls are waiting' } as const;
      return Promise.resolve({ ok: false, failure });
    }
    this.#id += 1;
    const id = this.#id;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        const failure = { code: 'timeout', detail: `no answer in ${answerMsMax} ms` } as const;
        this.#settle(id, { ok: false, failure });
      }, answerMsMax);
      const settle = resolve as (result: CallResult<Value>) => void;
      this.#open.set(id, { name, settle, timer });
      this.#count(name, 1);
      this.#post({ type: 'call', id, name, request } as CallMessage);
    });
  }

  #count(name: CallName, change: 1 | -1): void {
    this.#openByName.set(name, (this.#openByName.get(name) ?? 0) + change);
  }

  #isFull(name: CallName): boolean {
    const ofName = this.#openByName.get(name) ?? 0;
    return this.#open.size >= openCallsMax || ofName >= (openMax[name] ?? openCallsMax);
  }

  #settle(id: number, result: CallResult<Value>): void {
    const call = this.#open.get(id);
    if (call === undefined) return;
    this.#open.delete(id);
    this.#count(call.name, -1);
    clearTimeout(call.timer);
    call.settle(result);
  }
}
