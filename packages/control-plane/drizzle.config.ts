import { defineConfig } from 'drizzle-kit';

// `pnpm --filter @sallyport/control-plane migrations` writes the next numbered migration.
export default defineConfig({
  dialect: 'postgresql',
  schema: './src/store/schema/index.ts',
  out: './src/store/migrations',
});
