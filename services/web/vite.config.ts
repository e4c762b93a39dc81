import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

import { precompress, preloads, themeBoot } from "./build/assets.ts";

const server = `http://localhost:${process.env.PORT ?? "3000"}`;

export default defineConfig({
  plugins: [react(), tailwindcss(), themeBoot(), preloads(), precompress()],
  build: {
    outDir: "../api/src/api/static",
    emptyOutDir: true,
    target: "es2022",
    // Everything is a file of its own, so that `img-src 'self'` and `font-src 'self'` suffice.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
  server: {
    host: "127.0.0.1",
    proxy: { "/api": server, "/ws": { target: server, ws: true } },
  },
  test: {
    include: ["tests/**/*.test.{ts,tsx}"],
    environment: "happy-dom",
  },
});
