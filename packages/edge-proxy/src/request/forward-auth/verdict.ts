import { handshakeRefusal } from '../7-forward/web-socket.ts';
import type { Answer, Asserted } from '../exchange.ts';

type Forward = (value: Asserted) => Answer | null;

/** Forwards, or tells who only asked for the verdict that the request may pass, and as whom. */
export function verdictOr(forward: Forward): Forward {
  return (value) => {
    const { client, assertion, correlationId, progress } = value;
    if (client.permit === undefined) return forward(value);
    const refused = handshakeRefusal(value);
    if (refused !== null) return refused;
    progress.status = 200;
    progress.ending = 'verdict';
    client.permit([
      // Also where there is nobody: it takes the place of what the client sent.
      'Sallyport-Assertion',
      assertion ?? '',
      'Sallyport-Request-Id',
      correlationId,
    ]);
    return null;
  };
}
