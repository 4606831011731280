import { once } from 'node:events';
import { type ConnectionOptions, connect } from 'node:tls';

/** How many session tickets a server sends in TLS 1.3 before the first byte of its own. */
export async function ticketsSent(options: ConnectionOptions): Promise<number> {
  const socket = connect({ minVersion: 'TLSv1.3', rejectUnauthorized: false, ...options });
  let tickets = 0;
  socket.on('session', () => {
    tickets += 1;
  });
  socket.once('secureConnect', () => {
    // In HTTP/2 the server speaks unasked.
    if (socket.alpnProtocol !== 'h2') socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  });
  const ended = once(socket, 'close').then(() => {
    throw new Error('the server sent nothing');
  });
  await Promise.race([once(socket, 'data'), ended]);
  socket.destroy();
  return tickets;
}
