import { type Message, wordingOf } from './answers.ts';
import type { Received } from './exchange.ts';
import { callStatus } from './grpc.ts';

/** For a client to take what it has been sent, and the reason, before its stream is reset. */
const farewellMs = 1_000;

/**
 * Ends a response that has begun, so that nobody takes it for a whole one: a call of gRPC with a status
 * that says why, anything else by breaking off.
 */
export function breakOff(value: Received, answer: Message): void {
  const { client, head } = value;
  if (!head.call || client.gone) {
    client.breakOff();
    return;
  }
  client.end(callStatus(wordingOf(answer)));
  setTimeout(() => {
    if (!value.progress.recorded) client.breakOff();
  }, farewellMs).unref();
}
