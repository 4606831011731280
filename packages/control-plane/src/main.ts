import { existsSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { useOwnOpenssl } from '@sallyport/shared/tls/openssl';
import { defaultHome, homeVariable } from './home.ts';

/**
 * Where the control plane process begins: what must hold before any of its modules is compiled.
 * That takes most of a start, for which all edges wait after a restart, so the outcome is kept in
 * its home. Who can write there has its keys anyway; a folder that others may write is no place for
 * it.
 */

useOwnOpenssl();
process.umask(0o077);
const home = process.env[homeVariable] ?? defaultHome;
// Of a home that is not there the configuration tells. Where NODE_COMPILE_CACHE is set, that holds.
if (existsSync(home)) enableCompileCache(join(home, 'compiled'));
await import('./process.ts');
