import { connect } from 'node:tls';
import { readClient } from './client.ts';
import { startMeter, type Used } from './meter.ts';
import { streamOut } from './stream-out.ts';

/**
 * Takes or sends `BYTES` over one connection, by `WAY` (`down` or `up`). Prints one JSON object: see
 * `TransferResult`.
 */
export interface TransferResult extends Used {
  readonly bytes: number;
}

const environment = process.env;
const bytes = Number(environment['BYTES']);
const isUpload = environment['WAY'] === 'up';
const client = readClient(environment);
const request = isUpload
  ? client.request('PUT /large', [`content-length: ${bytes}`])
  : client.request('GET /large');

const socket = connect(client.tls);
let used = startMeter(client.serverPids);
let head: Buffer | null = Buffer.alloc(0);
let missing = 0;

socket.setNoDelay(true);
socket.on('error', (error) => {
  throw error;
});
socket.once('secureConnect', () => {
  used = startMeter(client.serverPids);
  socket.write(request);
  if (isUpload) streamOut(socket, bytes);
});
socket.on('data', (chunk: Buffer) => {
  missing -= chunk.length;
  if (head !== null) readHead(Buffer.concat([head, chunk]));
  if (head === null && missing === 0) {
    const result: TransferResult = { ...used(), bytes };
    process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
  }
});
socket.on('close', () => {
  throw new Error('the connection was closed before the end');
});

function readHead(begun: Buffer): void {
  const end = begun.indexOf('\r\n\r\n');
  head = end < 0 ? begun : null;
  if (end < 0) return;
  const text = begun.toString('latin1', 0, end);
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1]);
  if (!text.startsWith('HTTP/1.1 200') || (!isUpload && length !== bytes)) {
    throw new Error(`unexpected answer:\n${text}`);
  }
  missing = length - (begun.length - end - 4);
}
