import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { useOwnOpenssl } from '@sallyport/shared/tls/openssl';
import { defaultHome, homeVariable } from './home.ts';

/**
 * Where the edge process begins: what must hold before any of its modules is compiled. Most of the
 * time of a start went into that, so the outcome is kept in the edge's home. Who can write there has
 * the edge's keys anyway; a folder that others may write is no place for it.
 */

useOwnOpenssl();
process.umask(0o077);
// Holds for the workers, which are made after it: no request can become code there.
setFlagsFromString('--disallow-code-generation-from-strings');
// For those as well: one that runs out of memory has to know how much of it is garbage.
setFlagsFromString('--expose-gc');
// The pieces of bodies lie outside the heap and are gone with the next small collection. Counted by
// themselves, every few dozen megabytes of them would begin a collection of the whole heap, which took
// half of the processor time of a large transfer; counted with the heap they are a small part of it.
setFlagsFromString('--external-memory-accounted-in-global-limit');
// What many requests leave alive for a moment V8 would put among the old objects from then on, and all
// that hangs on it: collecting that costs more than anything else here.
setFlagsFromString('--no-allocation-site-pretenuring');
// The main thread's heap is small, and V8 would mark it anew whenever it had grown by a third: several
// times a second, by the buffers of the records alone.
setFlagsFromString('--heap-growing-percent=300');
// V8 tells four kinds of objects apart at one place of the code, and beyond that looks each property up.
// What all sockets, streams and messages share, in Node and in undici, meets more.
setFlagsFromString('--max-valid-polymorphic-map-count=8');
// By this variable the workers know, too. Who has set it has said where.
process.env['NODE_COMPILE_CACHE'] ??= join(process.env[homeVariable] ?? defaultHome, 'compiled');
enableCompileCache(process.env['NODE_COMPILE_CACHE']);
await import('./process.ts');
