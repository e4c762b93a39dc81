/** Steps of the build that Vite has no option for. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzip } from "node:zlib";
import { promisify } from "node:util";
import type { Plugin, ResolvedConfig } from "vite";

const BOOT = fileURLToPath(new URL("../src/theme-boot.js", import.meta.url));

/**
 * Puts `theme-boot.js` before everything else as a script of its own.
 *
 * It must run before the first paint, which a module cannot, and an inline script would need an
 * exception in the Content-Security-Policy.
 */
export function themeBoot(): Plugin {
  let building = false;
  const source = readFileSync(BOOT, "utf8");
  const hash = createHash("sha256").update(source).digest("hex").slice(0, 8);
  const fileName = `assets/theme-${hash}.js`;
  return {
    name: "theme-boot",
    configResolved(config) {
      building = config.command === "build";
    },
    buildStart() {
      if (building) this.emitFile({ type: "asset", fileName, source });
    },
    transformIndexHtml() {
      const src = building ? `/${fileName}` : "/src/theme-boot.js";
      return [{ tag: "script", attrs: { src }, injectTo: "head-prepend" }];
    },
  };
}

const FONT = /instrument-sans-latin-wght-normal[^/]*\.woff2$/;

/** Asks for what the first paint needs while the scripts are still on their way. */
export function preloads(): Plugin {
  return {
    name: "preloads",
    apply: "build",
    transformIndexHtml: {
      order: "post",
      handler(_, { bundle = {} }) {
        const font = Object.keys(bundle).find((name) => FONT.test(name));
        if (font === undefined) throw new Error("The font of the page is not in the build");
        const rest = { rel: "preload", crossorigin: true };
        return [
          { tag: "link", attrs: { ...rest, href: `/${font}`, as: "font", type: "font/woff2" } },
          { tag: "link", attrs: { ...rest, href: "/api/config", as: "fetch" } },
        ];
      },
    },
  };
}

/** Writes a `.gz` beside each text file, so that the server never compresses. */
export function precompress(): Plugin {
  let config: ResolvedConfig;
  const compress = promisify(gzip);
  return {
    name: "precompress",
    apply: "build",
    configResolved(resolved) {
      config = resolved;
    },
    async closeBundle() {
      const root = join(config.root, config.build.outDir);
      const names = await readdir(root, { recursive: true });
      const texts = names.filter((name) => /\.(js|css|html|svg|json|txt)$/.test(name));
      await Promise.all(
        texts.map(async (name) => {
          const path = join(root, name);
          await writeFile(`${path}.gz`, await compress(await readFile(path), { level: 9 }));
        }),
      );
    },
  };
}
