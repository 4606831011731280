export * from './admin.ts';
export * from './configuration.ts';
export * from './directory.ts';
export * from './edges.ts';
export * from './keys.ts';
export * from './log.ts';
export * from './records.ts';
export * from './sessions.ts';
