/**
 * Loaded before the entry of every child process of the stack: when the stack is gone, however it
 * went, the child ends too, and in order.
 */
import { isMainThread } from 'node:worker_threads';

if (isMainThread && process.channel !== undefined) {
  process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.channel.unref();
}
