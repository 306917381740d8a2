import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// Everything the bundle contains follows from the sources alone, so that a rebuild can be compared byte by byte.
export default defineConfig({
  plugins: [react()],
  worker: { format: 'es' },
  build: {
    target: ['chrome123', 'firefox121', 'safari17.5'],
    outDir: 'dist',
    emptyOutDir: true,
    sourcemap: false,
    // A data: URI would need its own place in the content security policy.
    assetsInlineLimit: 0,
    // Every target above preloads modules itself.
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    proxy: {
      '/api': 'http://127.0.0.1:8765',
      '/ws': { target: 'ws://127.0.0.1:8765', ws: true },
    },
  },
});
